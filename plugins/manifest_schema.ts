import * as v from "valibot";
import { parseIntegrity } from "./integrity.ts";
import {
  pluginControls,
  pluginHooks,
  type PluginManifest,
  pluginPermissions,
} from "./manifest_format.ts";
import { parseRange, parseVersion } from "./semver.ts";

// The message of a check says what is wanted; the reader of the issues puts path and finding
// before it. Unknown keys are issues of `never`, which the reader forgives for `x-` keys.
const object = <Entries extends v.ObjectEntries>(entries: Entries) =>
  v.objectWithRest(entries, v.never());

const text = v.pipe(v.string(), v.nonEmpty("text that is not empty"));
const slug = "[a-z0-9]+(?:-[a-z0-9]+)*";
const id = v.pipe(
  v.string(),
  v.regex(
    new RegExp(`^${slug}/${slug}$`),
    "owner/name of lower-case letters, digits and single dashes",
  ),
);
const webUrl = v.pipe(
  v.string(),
  v.check((one) => /^https?:$/.test(protocolOf(one)), "an http(s) URL"),
);
const version = v.pipe(
  v.string(),
  v.check((one) => parses(parseVersion, one), "a version such as 1.2.3"),
);
const range = v.pipe(
  v.string(),
  v.check((one) => parses(parseRange, one), "a version range such as ^1.2"),
  v.check(
    (one) => !parses(parseRange, one) || !allowsAll(one),
    "a range with a lower bound: nobody has tried every version",
  ),
);
const integrity = v.pipe(
  v.string(),
  v.check(
    (one) => parses(parseIntegrity, one),
    "sha256-, sha384- or sha512- and the digest in base64",
  ),
);
const filePath = v.pipe(
  v.string(),
  v.check(isFilePath, "a relative path without . and .. parts, or an https URL"),
);
const count = v.pipe(v.number(), v.integer("a whole number"), v.minValue(1, "1 or more"));

const hookName = v.picklist(pluginHooks);
const hookEntry = object({
  name: hookName,
  order: v.optional(v.picklist(["pre", "normal", "post"])),
  before: v.optional(v.array(id)),
  after: v.optional(v.array(id)),
  every: v.optional(count),
});

const callback = object({
  name: v.pipe(v.string(), v.regex(/^[A-Za-z][\w-]*$/, "a word of letters, digits, - and _")),
  export: text,
  title: v.optional(text),
  description: v.optional(text),
  // Not a union: that would hide which key of an entry is wrong.
  hooks: v.pipe(
    v.array(v.lazy((one) => typeof one === "object" ? hookEntry : hookName)),
    v.nonEmpty("one hook or more"),
  ),
  options: v.optional(v.looseObject({})),
  defaults: v.optional(v.looseObject({})),
  controls: v.array(v.picklist(pluginControls)),
  stateVersion: v.optional(count),
  onError: v.optional(v.picklist(["disable", "fail", "ignore"])),
});

const permission = (key: "address" | "host" | "name" | "path") =>
  v.optional(v.array(v.pipe(
    object({ reason: text, [key]: v.optional(text), option: v.optional(text) }),
    v.check(
      (one) => (one as Record<string, unknown>)[key] === undefined !== (one.option === undefined),
      `either ${key} or option`,
    ),
  )));
const permissions = object(
  {
    env: permission("name"),
    ffi: permission("path"),
    listen: permission("address"),
    net: permission("host"),
    read: permission("path"),
    run: permission("name"),
    write: v.optional(v.array(object({
      reason: text,
      path: v.pipe(text, v.check(isRelativePath, "a relative path without . and .. parts")),
    }))),
  } satisfies Record<(typeof pluginPermissions)[number], unknown>,
);

/** The schema of manifest version 1. What it finds is put into words by `parseManifest`. */
export const manifestSchema: v.GenericSchema<unknown, unknown> = object(
  {
    $schema: v.optional(webUrl),
    manifestVersion: v.literal(1),
    id,
    version,
    title: text,
    description: text,
    license: text,
    authors: v.pipe(
      v.array(object({ name: text, url: v.optional(webUrl) })),
      v.nonEmpty("one author or more"),
    ),
    engines: object({
      core: range,
      tfjs: v.optional(range),
      deno: v.optional(range),
      bun: v.optional(range),
      node: v.optional(range),
    }),
    compat: v.optional(v.record(version, range)),
    runtimes: v.optional(v.array(v.picklist(["browser", "bun", "deno", "node"]))),
    backends: v.optional(v.array(v.picklist(["cpu", "tensorflow", "wasm", "webgl", "webgpu"]))),
    module: filePath,
    files: v.record(
      filePath,
      object({
        integrity,
        size: v.pipe(v.number(), v.integer("a whole number"), v.minValue(0, "0 or more")),
      }),
    ),
    callbacks: v.pipe(v.array(callback), v.nonEmpty("one callback or more")),
    permissions: v.optional(permissions),
    optionalPermissions: v.optional(permissions),
    sandbox: object({
      support: v.picklist(["required", "supported", "unsupported"]),
      reason: v.optional(text),
    }),
    peers: v.optional(v.record(text, range)),
    dependencies: v.optional(v.record(id, range)),
    repository: webUrl,
    homepage: v.optional(webUrl),
    bugs: v.optional(webUrl),
    keywords: v.optional(v.array(text)),
    categories: v.optional(
      v.array(
        v.picklist(["control", "data", "logging", "monitoring", "saving", "visualization"]),
      ),
    ),
    stage: v.optional(object({
      name: v.picklist(["deprecated", "experimental", "stable"]),
      message: v.optional(text),
      successor: v.optional(text),
    })),
    updateUrl: v.optional(webUrl),
    provenance: v.optional(webUrl),
    signatures: v.optional(v.array(object({ keyId: text, ed25519: text }))),
    telemetry: v.optional(object({
      kind: v.picklist(["disclosed", "none"]),
      reason: v.optional(text),
    })),
  } satisfies Record<Exclude<keyof PluginManifest, `x-${string}`>, unknown>,
);

/**
 * True for `a/b.js`: no root, no drive, no empty, `.` or `..` part, nothing that a URL reads
 * otherwise (`%2e%2e`, `?`, `#`, `\`).
 */
export function isRelativePath(path: string): boolean {
  return path !== "" && !/[\\%?#:\0]/.test(path) &&
    path.split("/").every((one) => one !== "" && one !== "." && one !== "..");
}

function isFilePath(path: string): boolean {
  return path.startsWith("https://") ? protocolOf(path) === "https:" : isRelativePath(path);
}

function protocolOf(text: string): string {
  try {
    return new URL(text).protocol;
  } catch {
    return "";
  }
}

function allowsAll(text: string): boolean {
  return parseRange(text).some((comparators) =>
    comparators.every(({ operator, version: { major, minor, patch } }) =>
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

export { filePath, id, integrity, object, range, text, version };
