import { PluginError } from "../errors.ts";
import type { PluginManifest, SourceManifest } from "./format.ts";
import { brokenDefaults, brokenRules } from "./rules.ts";
import { manifestSchema } from "./schema.ts";
import { plainDataProblems } from "./plain_data.ts";
import { hasProblems, parseJson, schemaProblems } from "./schema_problems.ts";

/**
 * Parse and validate a plugin manifest.
 *
 * Unknown keys are errors unless they begin with `x-`, so that a typing mistake in a permission is
 * noticed. All problems are reported together, the first 50 in full.
 *
 * @param source text of the file, or the parsed JSON
 * @param url its URL, for messages
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
 * Parse the manifest of an unpacked plugin: like {@linkcode parseManifest}, but `files` may be
 * missing.
 *
 * @throws PluginError `E_MANIFEST`
 */
export function parseSourceManifest(source: string | object, url: string): SourceManifest {
  return parse(source, url, false);
}

function parse(source: string | object, url: string, published: boolean): SourceManifest {
  const data = typeof source === "string"
    ? parseJson(source, "E_MANIFEST", `plugin manifest ${url}`, url)
    : source;
  const manifestVersion = (data as { manifestVersion?: unknown } | null)?.manifestVersion;
  if (typeof manifestVersion === "number" && manifestVersion > 1) {
    throw new PluginError("E_MANIFEST", `Cannot read plugin manifest ${url}: it is newer`, {
      url,
      expected: "manifestVersion 1",
      actual: `manifestVersion ${manifestVersion}`,
      hint: "this keepfit is too old: update it, or use an older version of the plugin",
    });
  }
  const problems = problemsOf(data, published);
  if (problems.length > 0) {
    const isUnpacked = published && !Object.hasOwn(Object(data), "files");
    const hint = isUnpacked
      ? "files is written by keepfit pack SOURCE --out DIR: use the packed plugin below DIR"
      : undefined;
    throw hasProblems("E_MANIFEST", `plugin manifest ${url}`, url, problems, hint);
  }
  return structuredClone(data) as SourceManifest;
}

function problemsOf(data: unknown, published: boolean): string[] {
  // First, because later steps recurse through the data and look up its keys.
  const notPlain = plainDataProblems(data, "the manifest");
  if (notPlain.length > 0) return notPlain;
  const problems = schemaProblems(manifestSchema, data, "a manifest", {
    ownKeys: true,
    isAllowed: (path, input) => path === "files" && input === undefined && !published,
  });
  if (problems.length > 0) return problems;
  const manifest = data as SourceManifest;
  return [...brokenRules(manifest), ...(published ? [] : brokenDefaults(manifest))];
}
