import * as v from "valibot";
import { pluginControls, pluginHooks, type PluginManifest, pluginPermissions } from "./format.ts";
import {
  anyRange,
  callbackName,
  caption,
  commandName,
  count,
  envName,
  filePath,
  id,
  integrity,
  keyId,
  license,
  listenAddress,
  netHost,
  optionName,
  peerName,
  range,
  readPath,
  signature,
  size,
  text,
  version,
  webUrl,
  writtenPath,
} from "./values.ts";

export { isRelativePath } from "./values.ts";

// The descriptions are what editors show; the JSON Schema is made of this by build/schemas.ts.
// Unknown keys are issues of `never`, which the reader forgives for `x-` keys. valibot treats a
// list as an object.
const refusedList = v.pipe(v.unknown(), v.check(() => false, "an object, not a list"));
const noList = (schema: v.GenericSchema): v.GenericSchema =>
  v.lazy((value) => Array.isArray(value) ? refusedList : schema);
const object = (entries: v.ObjectEntries): v.GenericSchema =>
  noList(v.objectWithRest(entries, v.never()));
const record = (key: v.GenericSchema<string, string>, value: v.GenericSchema): v.GenericSchema =>
  noList(v.record(key, value));
/** An object with any keys. */
const anyObject: v.GenericSchema = noList(v.looseObject({}));
const required = (schema: v.GenericSchema, description: string): v.GenericSchema =>
  v.pipe(schema, v.description(description));
const optional = (schema: v.GenericSchema, description: string) =>
  v.optional(required(schema, description));

/** A list that has each value once. */
const unique = (item: v.GenericSchema): v.GenericSchema =>
  v.pipe(
    v.array(item),
    v.check((list) => new Set(list).size === list.length, "each value once"),
    v.metadata({ uniqueItems: true }),
  );
const uniqueAndSome = (item: v.GenericSchema): v.GenericSchema =>
  v.pipe(
    unique(item) as v.GenericSchema<unknown[]>,
    v.minLength(1, "one value or more"),
  );

const hookName = v.picklist(pluginHooks);
const hookEntry = object({
  name: required(hookName, "The hook."),
  order: optional(
    v.picklist(["pre", "normal", "post"]),
    "Position among the callbacks.",
  ),
  before: optional(unique(id), "Ids of plugins to be called after it."),
  after: optional(unique(id), "Ids of plugins to be called before it."),
  every: optional(
    count,
    "Call it for each n-th epoch or batch only: the n-th, the 2n-th, and so on. Default: 1.",
  ),
});

const callback = object({
  name: required(callbackName, "Name by which users choose it."),
  export: required(text, "Export of the module: a class, or (options, context) => callback."),
  title: optional(caption, "Title."),
  description: optional(caption, "Description, one sentence."),
  hooks: required(
    v.pipe(
      // Not a union: that would hide which key of an entry is wrong.
      v.array(v.lazy((one) => typeof one === "object" ? hookEntry : hookName)),
      v.nonEmpty("one hook or more"),
      v.check(
        (list) => new Set(list.map(nameOfHook)).size === list.length,
        "each hook once",
      ),
      v.metadata({ uniqueItems: true }),
    ),
    "Hooks to be called. Undeclared hooks are never called.",
  ),
  options: optional(
    v.pipe(anyObject, v.metadata({ $ref: "#/$defs/options" })),
    "Schema of the options, a subset of JSON Schema. Default: no options.",
  ),
  defaults: optional(anyObject, "Default values of options."),
  controls: required(
    unique(v.picklist(pluginControls)),
    "What it may do to the training; may be empty.",
  ),
  stateVersion: optional(
    count,
    "Version of the saved state; increase it when the form of the state changes.",
  ),
  onError: optional(
    v.picklist(["disable", "fail", "ignore"]),
    "Error policy that the author recommends; the user decides.",
  ),
});

const reason = required(text, "Why it is needed, shown to the user.");
const permission = (
  key: "address" | "host" | "name" | "path",
  value: v.GenericSchema,
  description: string,
): v.GenericSchema =>
  v.array(v.pipe(
    object({
      reason,
      [key]: optional(value, description),
      option: optional(
        optionName,
        "Instead of a fixed value: the option that the user says it with.",
      ),
    }) as v.GenericSchema<Record<string, unknown>>,
    v.check(
      (one) => one[key] === undefined !== (one.option === undefined),
      `either ${key} or option`,
    ),
    v.metadata({ oneOf: [{ required: [key] }, { required: ["option"] }] }),
  ));
const permissions = object(
  {
    env: optional(
      permission("name", envName, "Name of the variable."),
      "Environment variables that it reads.",
    ),
    ffi: optional(
      permission("path", readPath, "Path of the library."),
      "Native libraries that it loads.",
    ),
    listen: optional(
      permission("address", listenAddress, "Host and port of this machine: 127.0.0.1:9464."),
      "Addresses that it serves on.",
    ),
    net: optional(
      permission(
        "host",
        netHost,
        "A host in lower case, with its port unless it is the default; *. before a domain " +
          "covers its subdomains.",
      ),
      "Hosts that it sends requests to.",
    ),
    read: optional(
      permission(
        "path",
        readPath,
        "A file or folder: relative to the working directory, absolute, or ~/ for a path in " +
          "the home directory; with slashes.",
      ),
      "Files and folders that it reads.",
    ),
    run: optional(
      permission("name", commandName, "Name of the command, without a path."),
      "Commands that it runs.",
    ),
    write: optional(
      v.array(object({
        reason,
        path: required(
          writtenPath,
          "A path below the output directory; * stands for any characters but a slash.",
        ),
      })),
      "Files that it writes into the output directory.",
    ),
  } satisfies Record<(typeof pluginPermissions)[number], unknown>,
);

/** The schema of manifest version 1. `parseManifest` puts its issues into words. */
export const manifestSchema: v.GenericSchema<unknown, unknown> = object(
  {
    $schema: optional(text, "Schema for editors: a URL, or a path from this file."),
    manifestVersion: required(v.literal(1), "The version of this format."),
    id: required(id, "owner/name: lower-case letters, digits and single dashes."),
    version: required(version, "Semantic version; a published one never changes."),
    title: required(caption, "Title."),
    description: required(caption, "Description, one sentence."),
    license: required(license, "SPDX expression."),
    authors: required(
      v.pipe(
        v.array(object({
          name: required(text, "The author's name."),
          url: optional(webUrl, "URL of the author."),
        })),
        v.nonEmpty("one author or more"),
      ),
      "Authors.",
    ),
    engines: required(
      object({
        core: required(range, "Versions of keepfit."),
        tfjs: optional(range, "Versions of TensorFlow.js."),
        deno: optional(range, "Versions of Deno."),
        bun: optional(range, "Versions of Bun."),
        node: optional(range, "Versions of Node.js."),
      }),
      "Version ranges of keepfit, TensorFlow.js and runtimes.",
    ),
    compat: optional(
      record(version, range),
      "Ranges of keepfit for other versions of the plugin, so that an old host finds an old version.",
    ),
    runtimes: optional(
      uniqueAndSome(v.picklist(["browser", "bun", "deno", "node"])),
      "Runtimes. Default: all.",
    ),
    backends: optional(
      uniqueAndSome(v.picklist(["cpu", "tensorflow", "wasm", "webgl", "webgpu"])),
      "TensorFlow.js backends. Default: all.",
    ),
    module: required(filePath, "JavaScript module with the exports: a key of files."),
    files: required(
      record(
        filePath,
        object({
          integrity: required(integrity, "Digest of the bytes; keepfit pack computes it."),
          size: required(size, "Number of bytes."),
        }),
      ),
      "All files, by path relative to the manifest, or https URL. keepfit pack fills it in.",
    ),
    callbacks: required(
      v.pipe(v.array(callback), v.nonEmpty("one callback or more")),
      "Callbacks.",
    ),
    permissions: optional(permissions, "Required permissions, each with a reason."),
    optionalPermissions: optional(permissions, "Optional permissions, each with a reason."),
    sandbox: required(
      object({
        support: required(
          v.picklist(["required", "supported", "unsupported"]),
          "Whether it works in the sandbox.",
        ),
        reason: optional(text, "Why, or why not."),
      }),
      "Whether it works in the sandbox, and why not.",
    ),
    peers: optional(
      record(peerName, range),
      "Version ranges of packages that the host provides. keepfit is always provided.",
    ),
    dependencies: optional(
      record(id, range),
      "Version ranges of plugins that it depends on, by id.",
    ),
    repository: optional(webUrl, "URL of its source code."),
    homepage: optional(webUrl, "URL of its website."),
    bugs: optional(webUrl, "URL for reporting bugs."),
    keywords: optional(unique(text), "Keywords."),
    categories: optional(
      unique(
        v.picklist(["control", "data", "logging", "monitoring", "saving", "visualization"]),
      ),
      "Categories.",
    ),
    stage: optional(
      v.pipe(
        object({
          name: required(
            v.picklist(["deprecated", "experimental", "stable"]),
            "Name of the stage.",
          ),
          message: optional(text, "Message for users; required for deprecated."),
          successor: optional(id, "The id of the plugin to use instead."),
        }) as v.GenericSchema<{ name: string; message?: string }>,
        v.check(
          ({ name, message }) => name !== "deprecated" || message !== undefined,
          "a message that says why it is deprecated",
        ),
        v.metadata({
          if: { properties: { name: { const: "deprecated" } } },
          then: { required: ["message"] },
        }),
      ),
      "Stage of its life.",
    ),
    updateUrl: optional(webUrl, "Where to find newer versions without a registry."),
    provenance: optional(webUrl, "A Sigstore bundle that proves where it was built."),
    signatures: optional(
      v.pipe(
        v.array(object({
          keyId: required(keyId, "Signer: ed25519: and the public key in base64."),
          ed25519: required(
            signature,
            "The signature over the canonical JSON (RFC 8785) of the manifest without signatures.",
          ),
        }) as v.GenericSchema<{ keyId: string }>),
        v.maxLength(16, "16 or fewer"),
        v.check(
          (list) => new Set(list.map((one) => one.keyId)).size === list.length,
          "each key once",
        ),
      ),
      "Signatures, added by keepfit sign.",
    ),
    telemetry: optional(
      v.pipe(
        object({
          kind: required(
            v.picklist(["disclosed", "none"]),
            "Whether it sends data to its author.",
          ),
          reason: optional(text, "What it sends and why; required for disclosed."),
        }) as v.GenericSchema<{ kind: string; reason?: string }>,
        v.check(
          ({ kind, reason }) => kind !== "disclosed" || reason !== undefined,
          "a reason that says what is sent",
        ),
        v.metadata({
          if: { properties: { kind: { const: "disclosed" } } },
          then: { required: ["reason"] },
        }),
      ),
      "Telemetry to its author.",
    ),
  } satisfies Record<Exclude<keyof PluginManifest, `x-${string}`>, unknown>,
);

function nameOfHook(hook: unknown): unknown {
  return typeof hook === "object" ? (hook as { name?: unknown }).name : hook;
}

export {
  anyObject,
  anyRange,
  filePath,
  id,
  integrity,
  object,
  optional,
  range,
  record,
  required,
  text,
  version,
  webUrl,
};
