import * as v from "valibot";
import { unsafeCharacters } from "../../core/printable.ts";
import { fromBase64, parseIntegrity } from "./integrity.ts";
import { parseRange, parseVersion } from "./semver.ts";

// Values of a manifest. The message of a check says what is expected; its path and the value found
// are added later. `metadata` is the part of the check that JSON Schema can express.

/** Schema of a text value. */
type TextSchema = v.GenericSchema<string, string>;

/** Longer text is rejected: it would only keep the checks busy. */
const maxLength = 2000;

/** Values that pass a test, with the pattern for the JSON Schema. */
const passing = (
  test: (text: string) => boolean,
  expected: string,
  pattern: string,
): TextSchema =>
  v.pipe(
    v.string(),
    v.maxLength(maxLength, `at most ${maxLength} characters`),
    v.check((one) => one.length > maxLength || test(one), expected),
    v.metadata({ pattern }),
  );

/** Values that match a pattern. */
const matching = (pattern: string, expected: string): TextSchema => {
  const form = new RegExp(pattern, "u");
  return passing((one) => form.test(one), expected, pattern);
};

const slug = "[a-z0-9]+(?:-[a-z0-9]+)*";
// Shown to people who decide by it.
const shown = `[^${unsafeCharacters}]`;
const part = String.raw`(?!\.{1,2}(?:/|$))[^\\%?#:/\p{Cc}]+`;
const relativePath = `${part}(?:/${part})*`;
const host = (() => {
  const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
  const name = String.raw`${label}(?:\.${label})*`;
  const address = String.raw`\[[0-9a-f:.]{2,45}\]`;
  return { name, address, below: String.raw`\*\.${label}(?:\.${label})+` };
})();
const packageName = "(?:@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*";
const spdx = String.raw`\(*[A-Za-z0-9.+:-]+\)*`;

/** Text in one line, for people. */
export const text: TextSchema = matching(
  `^${shown}+$`,
  "text in one line, not empty, without control characters",
);

/**
 * A title or description: text in one line that may hold invisible characters, which some scripts
 * need and tools leave behind. They are shown as what they are; nothing is decided by them.
 */
export const caption: TextSchema = matching(
  String.raw`^(?:(?!${shown})[\u00ad\u180e\u200b\u2060-\u2065\ufeff]|${shown})+$`,
  "text in one line, not empty, without control characters",
);

/** `owner/name`. */
export const id: TextSchema = matching(
  `^${slug}/${slug}$`,
  "owner/name of lower-case letters, digits and single dashes",
);

/** The name of an option that a permission names. A lock file puts `=` behind it. */
export const optionName: TextSchema = matching(
  `^(?:(?!=)${shown})+$`,
  "the name of an option, without =",
);

/** The name of a callback. */
export const callbackName: TextSchema = matching(
  String.raw`^[A-Za-z][\w\-]*$`,
  "a word of letters, digits, - and _",
);

/** The form of an SPDX expression. */
export const license: TextSchema = matching(
  `^${spdx}(?: (?:AND|OR|WITH) ${spdx})*$`,
  'an SPDX expression such as MIT or "Apache-2.0 OR MIT"',
);

/** A link for programs or people. */
export const webUrl: TextSchema = passing(
  isWebUrl,
  "an http(s) URL",
  String.raw`^https?://[^\s/?#@]+(?:[/?#]\S*)?$`,
);

/** A semantic version. */
export const version: TextSchema = passing(
  (one) => parses(parseVersion, one),
  "a version such as 1.2.3",
  String.raw`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.\-]+)?(\+[0-9A-Za-z.\-]+)?$`,
);

/** A version range with a lower bound. */
export const range: TextSchema = v.pipe(
  passing(
    (one) => parses(parseRange, one),
    "a version range such as ^1.2",
    String.raw`^(?!\s*[*xX]?\s*$)[0-9A-Za-z.*<>=^~|+\s\-]+$`,
  ),
  v.check(
    (one) => !parses(parseRange, one) || !allowsAll(one),
    "a range with a lower bound",
  ),
);

/** Any version range, `*` included. */
export const anyRange: TextSchema = passing(
  (one) => parses(parseRange, one),
  "a version range such as >=1.2 <1.4.1",
  String.raw`^[0-9A-Za-z.*<>=^~|+\s\-]+$`,
);

/** Integrity values, separated by spaces. */
export const integrity: TextSchema = passing(
  (one) => parses(parseIntegrity, one),
  "sha256-, sha384- or sha512- and the digest in base64",
  (() => {
    const digest = (length: number, end = "") => `[A-Za-z0-9+/]{${length}}${end}`;
    const one = `sha(256-${digest(43, "=")}|384-${digest(64)}|512-${digest(86, "==")})`;
    return `^${one}( +${one})*$`;
  })(),
);

/** A file of a plugin. */
export const filePath: TextSchema = passing(
  isFilePath,
  "a relative path without . and .. parts and names of at most 255 bytes, or an https URL",
  String.raw`^(https://[^\s/?#@]+/[^\s#]*|${relativePath})$`,
);

/** A file below the output directory. */
export const writtenPath: TextSchema = matching(
  `^${relativePath}$`,
  "a relative path without . and .. parts",
);

/** A file or folder on the user's machine. */
export const readPath: TextSchema = matching(
  `^(?:~/|/|[A-Za-z]:/|(?!~))${relativePath}$`,
  "a path without . and .. parts: relative, absolute, or ~/ for a path in the home directory",
);

/** A host to send requests to. */
export const netHost: TextSchema = passing(
  (one) =>
    new RegExp(`^(?:${host.below}|${host.name}|${host.address})(?::\\d+)?$`).test(one) &&
    one.length < 260 && hasGoodPort(one) && isCanonicalHost(one),
  "a host in lower case as URLs write it, which may have *. before a domain and a :port behind it",
  `^(?:${host.below}|${host.name}|${host.address})(?::[1-9][0-9]{0,4})?$`,
);

/** An address to listen on; port 0 is any free port. */
export const listenAddress: TextSchema = passing(
  (one) =>
    new RegExp(`^(?:${host.name}|${host.address}):\\d+$`).test(one) &&
    (one.endsWith(":0") || hasGoodPort(one)) && isCanonicalHost(one),
  "a host and port such as 127.0.0.1:9464",
  `^(?:${host.name}|${host.address}):(?:0|[1-9][0-9]{0,4})$`,
);

/** An environment variable. */
export const envName: TextSchema = matching(
  "^[A-Za-z_][A-Za-z0-9_]*$",
  "the name of a variable: letters, digits and _",
);

/** A command in PATH. */
export const commandName: TextSchema = matching(
  String.raw`^[A-Za-z0-9_][A-Za-z0-9_.+\-]*$`,
  "the name of a command, without a path",
);

/** A package that the host provides. */
export const peerName: TextSchema = matching(
  `^${packageName}(?:/[A-Za-z0-9._/\\-]+)?$`,
  "the name of a package",
);

/** A signer. */
export const keyId: TextSchema = passing(
  isKeyId,
  "ed25519: and the public key, 32 bytes in base64",
  "^ed25519:[A-Za-z0-9+/]{43}=$",
);

/** An Ed25519 signature. */
export const signature: TextSchema = passing(
  (one) => isBase64Of(one, 64),
  "a signature, 64 bytes in base64",
  "^[A-Za-z0-9+/]{86}==$",
);

/** An integer from 1. */
export const count: v.GenericSchema = v.pipe(
  v.number(),
  v.integer("a whole number"),
  v.minValue(1, "1 or more"),
);

/** Size of a file in bytes, at most 256 MiB. */
export const size: v.GenericSchema = v.pipe(
  v.number(),
  v.integer("a whole number"),
  v.minValue(0, "0 or more"),
  v.maxValue(2 ** 28, "268435456 or less"),
);

/** Prefix of a `keyId`. */
export const keyIdPrefix = "ed25519:";

/** Whether it is `ed25519:` and 32 bytes in base64. */
export function isKeyId(text: string): boolean {
  return text.startsWith(keyIdPrefix) && isBase64Of(text.slice(keyIdPrefix.length), 32);
}

/** Longer names are on no disk. */
const maxNameBytes = 255;

const relativeForm = new RegExp(`^${relativePath}$`, "u");

/**
 * Whether a path is like `a/b.js`: names of at most 255 bytes, without a root, a drive, empty, `.` or `..` parts, characters
 * that a URL interprets (`%2e%2e`, `?`, `#`, `\`) and control characters.
 */
export function isRelativePath(path: string): boolean {
  return relativeForm.test(path) &&
    path.split("/").every((name) => new TextEncoder().encode(name).length <= maxNameBytes);
}

function isFilePath(path: string): boolean {
  if (!path.startsWith("https://")) return isRelativePath(path);
  // One spelling only, because it is a lookup key.
  return isWebUrl(path) && new URL(path).href === path && !path.includes("#");
}

function isWebUrl(text: string): boolean {
  if (!URL.canParse(text) || !webForm.test(text)) return false;
  const { username, password } = new URL(text);
  return username === "" && password === "";
}

// Without what moves a cursor or turns text: it is shown to people.
const webForm = new RegExp(`^https?://(?:(?![${unsafeCharacters}])\\S)+$`, "u");

function hasGoodPort(text: string): boolean {
  const port = /:(\d+)$/.exec(text.replace(/^\[.*\]/, ""))?.[1];
  return port === undefined || (/^[1-9]/.test(port) && Number(port) <= 65535);
}

/** Numbers and short forms of an address hide which one it is: `2130706433` is `127.0.0.1`. */
function isCanonicalHost(text: string): boolean {
  const host = text.replace(/^\*\./, "").replace(/:\d+$/, "");
  return URL.canParse(`https://${host}`) && new URL(`https://${host}`).hostname === host;
}

function isBase64Of(text: string, length: number): boolean {
  return parses(fromBase64, text) && fromBase64(text).length === length;
}

function allowsAll(text: string): boolean {
  return parseRange(text).some((comparators) =>
    comparators.every(({ operator, major, minor, patch }) =>
      operator === ">=" && major + minor + patch === 0
    )
  );
}

function parses(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}
