import * as v from "valibot";
import { PluginError } from "./errors.ts";
import type { PluginManifest, SourceManifest } from "./manifest_format.ts";
import { brokenRules } from "./manifest_rules.ts";
import { manifestSchema } from "./manifest_schema.ts";
import { show, visible } from "./options_schema.ts";
import { plainDataProblems } from "./plain_data.ts";

/**
 * Read a plugin's manifest and make sure that it is a whole one.
 *
 * Unknown keys are refused unless they begin with `x-`, so that a typing mistake in a permission
 * is seen and not granted. All problems are told at once, the first 50 in words.
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

/** Nobody reads more, and a manifest may be made so that there are many. */
const maxTold = 50;

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
    const told = problems.slice(0, maxTold).map((problem) => visible(problem, 500));
    if (told.length < problems.length) told.push(`and ${problems.length - told.length} more`);
    throw new PluginError(
      "E_MANIFEST",
      `Cannot read plugin manifest ${url}: ${problems.length} ${
        problems.length === 1 ? "problem" : "problems"
      }\n${told.map((problem) => `  ${problem}`).join("\n")}`,
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
  // First: what comes after may go through the data by recursion, and look up its keys.
  const notPlain = plainDataProblems(data, "the manifest");
  if (notPlain.length > 0) return notPlain;
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
  return problems.length > 0 ? problems : brokenRules(data as SourceManifest);
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
