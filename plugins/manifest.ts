import * as v from "valibot";
import { PluginError } from "./errors.ts";
import type { PluginManifest, SourceManifest } from "./manifest_format.ts";
import { manifestSchema } from "./manifest_schema.ts";
import { checkOptions, checkOptionsSchema, noOptions, show } from "./options_schema.ts";

/**
 * Read a plugin's manifest and make sure that it is a whole one.
 *
 * Unknown keys are refused unless they begin with `x-`, so that a typing mistake in a permission
 * is seen and not granted. All problems are told at once.
 *
 * @param source the text of the file, or what was parsed from it
 * @param url where it comes from, for messages
 * @returns a copy of the manifest
 * @throws PluginError `E_MANIFEST` with one line for each problem
 * @example
 * ```ts
 * import { parseManifest, PluginError } from "keepfit/plugins";
 * import assert from "node:assert/strict";
 *
 * assert.throws(
 *   () => parseManifest('{ "manifestVersion": 2 }', "https://example.com/callback.plugin.json"),
 *   (error) => error instanceof PluginError && /this keepfit is too old/.test(error.message),
 * );
 * ```
 */
export function parseManifest(source: string | object, url: string): PluginManifest {
  return parse(source, url, true) as PluginManifest;
}

/**
 * Read the manifest of a plugin that is not packed yet: {@linkcode parseManifest}, but `files` may
 * be missing.
 *
 * @throws PluginError `E_MANIFEST`
 */
export function parseSourceManifest(source: string | object, url: string): SourceManifest {
  return parse(source, url, false);
}

function parse(source: string | object, url: string, published: boolean): SourceManifest {
  const data = typeof source === "string" ? parseJson(source, url) : source;
  const given = (data as { manifestVersion?: unknown } | null)?.manifestVersion;
  if (typeof given === "number" && given > 1) {
    throw new PluginError("E_MANIFEST", `Cannot read plugin manifest ${url}: it is newer`, {
      url,
      expected: "manifestVersion 1",
      actual: `manifestVersion ${given}`,
      hint: "this keepfit is too old: update it, or use an older version of the plugin",
    });
  }
  const problems = problemsOf(data, published);
  if (problems.length > 0) {
    throw new PluginError(
      "E_MANIFEST",
      `Cannot read plugin manifest ${url}: ${problems.length} ${
        problems.length === 1 ? "problem" : "problems"
      }\n${problems.map((problem) => `  ${problem}`).join("\n")}`,
      { url },
    );
  }
  return structuredClone(data) as SourceManifest;
}

function parseJson(text: string, url: string): unknown {
  try {
    // An editor's byte order mark is no reason to fail.
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new PluginError("E_MANIFEST", `Cannot read plugin manifest ${url}: it is not JSON`, {
      url,
      hint: text.trimStart().startsWith("<")
        ? "the server sent a page: is this the address of the file itself?"
        : undefined,
      cause,
    });
  }
}

function problemsOf(data: unknown, published: boolean): string[] {
  const result = v.safeParse(manifestSchema, data);
  const problems = (result.issues ?? []).flatMap((issue) => {
    const path = pathOf(issue);
    const last = issue.path?.at(-1)?.key;
    if (issue.type === "never") {
      return typeof last === "string" && last.startsWith("x-")
        ? []
        : [`${path}: is no key of a manifest; keys of your own begin with x-`];
    }
    if (path === "files" && issue.input === undefined && !published) return [];
    // A regular expression is no help to a person: those carry what is wanted as their message.
    const wanted = issue.kind === "schema" ? issue.expected ?? issue.message : issue.message;
    return [`${path || "the manifest"}: found ${show(issue.input)}, wanted ${wantedText(wanted)}`];
  });
  if (problems.length > 0) return problems;
  const manifest = data as SourceManifest;
  manifest.callbacks.forEach((callback, i) => {
    const { options = noOptions, defaults = {} } = callback;
    const wrong = checkOptionsSchema(options, `callbacks[${i}].options`);
    problems.push(...wrong);
    if (wrong.length > 0) return;
    // What is required may still come from the user.
    const optional = { ...options, required: undefined };
    problems.push(...checkOptions(optional, defaults, `callbacks[${i}].defaults`));
  });
  const names = manifest.callbacks.map((callback) => callback.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) problems.push(`callbacks: found ${show(twice)} twice, wanted it once`);
  if (manifest.files !== undefined && !Object.hasOwn(manifest.files, manifest.module)) {
    problems.push(`module: found ${show(manifest.module)}, wanted one of the files`);
  }
  return problems;
}

/** As in JavaScript: `callbacks[0].hooks`, `files["a.js"].size`. */
function pathOf(issue: v.BaseIssue<unknown>): string {
  let path = "";
  for (const { key } of issue.path ?? []) {
    if (typeof key === "number") path += `[${key}]`;
    else if (/^[\w$-]+$/.test(String(key))) path += path === "" ? key : `.${key}`;
    else path += `[${JSON.stringify(key)}]`;
  }
  return path;
}

/** A missing key is expected under its quoted name: the name is in the path already. */
function wantedText(expected: string): string {
  if (/^"[^"|]*"$/.test(expected)) return "it to be there";
  return expected.replace(/^\((.*)\)$/, "$1").replaceAll(" | ", " or ").replace(
    /^Object$/,
    "object",
  );
}
