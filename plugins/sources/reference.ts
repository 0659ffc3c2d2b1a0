import { isLoopback } from "./fetcher.ts";
import { parseIntegrity } from "../manifest/integrity.ts";
import { isRelativePath } from "../manifest/schema.ts";
import { parseRange } from "../manifest/semver.ts";

/** What a reference names: the manifest at a URL, a plugin of a registry, or an installed package. */
export type PluginReference = PackageReference | RegistryReference | UrlReference;

interface AnyReference {
  /** The reference without its integrity, as in a lock file. */
  key: string;
  /** Integrity of the manifest, if the reference has one. */
  integrity: string | undefined;
}

/** `https:`, `file:`, or `http:` on this machine. */
export interface UrlReference extends AnyReference {
  kind: "url";
  /** The manifest. */
  url: URL;
}

/** `registry:owner/name@range`. */
export interface RegistryReference extends AnyReference {
  kind: "registry";
  /** `owner/name`. */
  id: string;
  /** Version range; undefined for any. */
  range: string | undefined;
}

/** `npm:@scope/name@range/path` and the same with `jsr:`. */
export interface PackageReference extends AnyReference {
  kind: "package";
  registry: "jsr" | "npm";
  /** With its scope. */
  name: string;
  /** Version range; undefined for any. */
  range: string | undefined;
  /** Path of the manifest or its folder in the package; undefined for the root of the package. */
  path: string | undefined;
}

/**
 * Parse a reference.
 *
 * @param reference as the user wrote it
 * @param integrityOption the integrity, if it is not part of the reference
 * @throws TypeError for a reference that is not a URL, or of a scheme that is not supported
 * @throws SyntaxError for an integrity, a name, a range or a path that cannot be parsed
 */
export function parseReference(
  reference: string | URL,
  integrityOption?: string,
): PluginReference {
  if (typeof reference !== "string" && !(reference instanceof URL)) {
    throw new TypeError(
      `Cannot load a plugin: expected text or a URL as reference, got ${typeof reference}`,
    );
  }
  const text = String(reference).trim();
  const [, scheme = ""] = /^([a-z][a-z\d+.-]*):/i.exec(text) ?? [];
  const end = text.indexOf("#");
  const bare = end < 0 ? text : text.slice(0, end);
  const integrity = integrityOf(end < 0 ? "" : text.slice(end + 1), integrityOption, bare);
  switch (scheme) {
    case "registry":
      return { ...parseRegistry(bare), integrity };
    case "npm":
    case "jsr":
      return { ...parsePackage(bare, scheme), integrity };
    default:
      return { ...parseUrl(bare), integrity };
  }
}

/** True for a reference to files of this machine: a `file:` URL or an installed package. */
export function isLocalSource(reference: PluginReference): boolean {
  return reference.kind === "package" ||
    (reference.kind === "url" && reference.url.protocol === "file:");
}

/**
 * True for a plugin of the user's own: a manifest by its `file:` URL, outside of installed
 * packages. The location of a plugin does not tell who wrote it: a registry on this machine, a
 * forwarded port and `node_modules` hold plugins of others.
 */
export function isOwn(reference: PluginReference): boolean {
  return reference.kind === "url" && reference.url.protocol === "file:" &&
    !reference.url.pathname.includes("/node_modules/");
}

/** True for the URL of a server on this machine: a plugin there may change. */
export function isServedHere(reference: PluginReference): boolean {
  return reference.kind === "url" && reference.url.protocol !== "file:" &&
    isLoopback(reference.url);
}

/** True if a URL leads to this machine, where nothing in between can change an answer. */
export function isLocal(url: URL): boolean {
  return url.protocol === "file:" || isLoopback(url);
}

/** A reference for messages: without secrets and lookalike letters. */
export function showReference(reference: string | URL): string {
  const shown = String(reference).replace(/(\/\/)[^/?#]*@/, "$1").slice(0, 300);
  return shown.replace(
    /[^\x20-\x7e]/gu,
    (one) => `\\u{${(one.codePointAt(0) as number).toString(16)}}`,
  );
}

const slug = "[a-z0-9]+(?:-[a-z0-9]+)*";

function parseRegistry(text: string): Omit<RegistryReference, "integrity"> {
  const [, id, range] = new RegExp(`^registry:(${slug}/${slug})(?:@(.*))?$`).exec(text) ?? [];
  if (id === undefined) {
    throw new SyntaxError(
      `Cannot load plugin ${showReference(text)}: expected registry:owner/name or ` +
        `registry:owner/name@^1.2, of lower-case letters, digits and single dashes`,
    );
  }
  if (range !== undefined) parseRange(range);
  return { kind: "registry", key: text, id, range };
}

function parsePackage(text: string, registry: "jsr" | "npm"): Omit<PackageReference, "integrity"> {
  const [, name, range, path] =
    /^\w+:((?:@[a-z\d~-][\w.~-]*\/)?[a-z\d~-][\w.~-]*)(?:@([^/]*))?(?:\/(.*))?$/.exec(text) ?? [];
  if (name === undefined || (registry === "jsr" && !name.startsWith("@"))) {
    throw new SyntaxError(
      `Cannot load plugin ${showReference(text)}: expected ${
        registry === "jsr" ? "jsr:@scope/name" : "npm:name or npm:@scope/name"
      }, with @^1.2 and the path of the manifest in the package behind it where needed`,
    );
  }
  if (range !== undefined) parseRange(range);
  if (path !== undefined && !isRelativePath(path)) {
    throw new SyntaxError(
      `Cannot load plugin ${
        showReference(text)
      }: expected a path in the package without . and .. ` +
        `parts`,
    );
  }
  return { kind: "package", key: text, registry, name, range, path };
}

function parseUrl(text: string): Omit<UrlReference, "integrity"> {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    // Without the cause, which quotes the whole reference.
    throw new TypeError(
      `Cannot load plugin ${showReference(text)}: expected the URL of its manifest, or ` +
        `registry:owner/name; ` +
        // A single word is more likely the name of a callback.
        (/^\w+$/.test(text)
          ? `a callback of keepfit is not a plugin: import it and write new EarlyStopping(), ` +
            `for example`
          : `for a file beside your module write new URL("...", import.meta.url)`),
    );
  }
  const isServed = url.protocol === "https:" || url.protocol === "file:" ||
    (url.protocol === "http:" && isLoopback(url));
  const hasCredentials = url.username !== "" || url.password !== "";
  if (!isServed || hasCredentials) {
    throw new TypeError(
      `Cannot load plugin ${
        showReference(url)
      }: expected https:, file:, registry:, npm:, jsr:, or ` +
        `http: on this machine, with credentials in the option tokens if there are any`,
    );
  }
  return { kind: "url", key: url.href, url };
}

function integrityOf(
  fragment: string,
  option: string | undefined,
  bare: string,
): string | undefined {
  let written = fragment;
  try {
    written = decodeURIComponent(fragment);
  } catch {
    // Rejected below.
  }
  if (written !== "" && option !== undefined && written !== option) {
    throw new TypeError(
      `Cannot load plugin ${
        showReference(bare)
      }: its reference says ${written}, the option integrity ${option}`,
    );
  }
  const integrity = written || option;
  if (integrity !== undefined) parseIntegrity(integrity);
  return integrity;
}
