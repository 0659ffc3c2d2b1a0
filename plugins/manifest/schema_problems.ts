import * as v from "valibot";
import { PluginError, type PluginErrorCode } from "../errors.ts";
import { show, visible } from "./options_schema.ts";

/** How a file is validated. */
export interface FormRules {
  /** Whether keys that begin with `x-` are allowed. Default: false. */
  ownKeys?: boolean;
  /** Issues to ignore. Default: none. */
  isAllowed?(path: string, input: unknown): boolean;
}

/**
 * Put the issues of a schema into words: `callbacks[0].every: found 0, expected 1 or more`. The
 * message of a check in the schema says what is expected.
 *
 * @param schema schema whose objects have `never` as their rest, so that unknown keys are issues
 * @param name name of the data, with its article
 * @returns one line for each problem
 */
export function schemaProblems(
  schema: v.GenericSchema<unknown, unknown>,
  data: unknown,
  name: string,
  { ownKeys = false, isAllowed = () => false }: FormRules = {},
): string[] {
  return (v.safeParse(schema, data).issues ?? []).flatMap((issue) => {
    const path = pathOf(issue);
    const last = issue.path?.at(-1)?.key;
    if (issue.type === "never") {
      if (ownKeys && typeof last === "string" && last.startsWith("x-")) return [];
      return [
        `${path}: is not a key of ${name}${ownKeys ? "; keys of your own begin with x-" : ""}`,
      ];
    }
    if (isAllowed(path, issue.input)) return [];
    // A regular expression is no help to people, so those checks carry a message instead.
    const expected = issue.kind === "schema" ? issue.expected ?? issue.message : issue.message;
    const location = path || name.replace(/^an? /, "the ");
    return [`${location}: found ${show(issue.input)}, expected ${expectedText(expected)}`];
  });
}

/**
 * Parse JSON.
 *
 * @param title name of the text, for the message
 * @throws PluginError with `code` for invalid JSON, and for an object with a duplicate key
 */
export function parseJson(
  text: string,
  code: PluginErrorCode,
  title: string,
  url: string,
): unknown {
  let data: unknown;
  try {
    // Ignore an editor's byte order mark.
    data = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new PluginError(code, `Cannot read ${title}: it is not JSON`, {
      url,
      hint: text.trimStart().startsWith("<")
        ? "the server sent a page: is this the address of the file itself?"
        : undefined,
      cause,
    });
  }
  const twice = keyTwice(text);
  if (twice === undefined) return data;
  throw new PluginError(code, `Cannot read ${title}: it has a key twice`, {
    url,
    expected: "each key once: of two, people read the first and programs take the last",
    actual: visible(JSON.stringify(twice), 60),
  });
}

/**
 * The first key that an object of a JSON text has twice, as I-JSON (RFC 7493) forbids.
 *
 * @param text valid JSON
 */
function keyTwice(text: string): string | undefined {
  /** Keys of the open objects; undefined for a list. */
  const open: (Set<string> | undefined)[] = [];
  let last = "";
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      const keys = open.at(-1) as Set<string>;
      const key: string = JSON.parse(last);
      if (keys.has(key)) return key;
      keys.add(key);
    } else last = token;
  }
  return undefined;
}

/** Limit: a file may be made to have any number of problems. */
const maxShown = 50;

/** An error that lists problems, one per line. */
export function hasProblems(
  code: PluginErrorCode,
  title: string,
  url: string,
  problems: readonly string[],
  hint?: string,
): PluginError {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const listed = problems.slice(0, maxShown).map((problem) => visible(problem, 500));
  if (listed.length < problems.length) listed.push(`and ${problems.length - listed.length} more`);
  const lines = listed.map((problem) => `\n  ${problem}`).join("");
  return new PluginError(code, `Cannot read ${title}: ${count}${lines}`, { url, hint });
}

/** JavaScript notation: `callbacks[0].hooks`, `files["a.js"].size`. */
function pathOf(issue: v.BaseIssue<unknown>): string {
  let path = "";
  for (const { key } of issue.path ?? []) {
    if (typeof key === "number") path += `[${key}]`;
    else if (/^[\w$-]+$/.test(String(key))) path += path === "" ? key : `.${key}`;
    else path += `[${JSON.stringify(key)}]`;
  }
  return path;
}

/** valibot expects a missing key under its quoted name, which is in the path already. */
function expectedText(expected: string): string {
  if (/^"[^"|]*"$/.test(expected)) return "it to be there";
  return expected.replace(/^\((.*)\)$/, "$1").replaceAll(" | ", " or ").replace(
    /^Object$/,
    "object",
  );
}
