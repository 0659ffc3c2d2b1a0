import * as v from "valibot";
import { PluginError, type PluginErrorCode } from "../errors.ts";
import { show, visible } from "./options_schema.ts";

/** What is peculiar to a file whose form is checked. */
export interface FormRules {
  /** Keys that begin with `x-` are let through. Default: false. */
  ownKeys?: boolean;
  /** What is no problem all the same. Default: nothing. */
  isAllowed?(path: string, input: unknown): boolean;
}

/**
 * Put into words what a schema finds wrong: `callbacks[0].every: found 0, wanted 1 or more`. The
 * message of a check in the schema says what is wanted.
 *
 * @param schema its objects have `never` as their rest, so that unknown keys are found
 * @param name what the data is, with its article
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
      return [`${path}: is no key of ${name}${ownKeys ? "; keys of your own begin with x-" : ""}`];
    }
    if (isAllowed(path, issue.input)) return [];
    // A regular expression is no help to a person: those carry what is wanted as their message.
    const wanted = issue.kind === "schema" ? issue.expected ?? issue.message : issue.message;
    const place = path || name.replace(/^an? /, "the ");
    return [`${place}: found ${show(issue.input)}, wanted ${wantedText(wanted)}`];
  });
}

/**
 * Read JSON.
 *
 * @param title what the text is, for the message
 * @throws PluginError with `code` when it is none
 */
export function parseJson(
  text: string,
  code: PluginErrorCode,
  title: string,
  url: string,
): unknown {
  try {
    // An editor's byte order mark is no reason to fail.
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new PluginError(code, `Cannot read ${title}: it is not JSON`, {
      url,
      hint: text.trimStart().startsWith("<")
        ? "the server sent a page: is this the address of the file itself?"
        : undefined,
      cause,
    });
  }
}

/** Nobody reads more, and a file may be made so that there are many. */
const maxTold = 50;

/** The error that lists problems, one line each. */
export function hasProblems(
  code: PluginErrorCode,
  title: string,
  url: string,
  problems: readonly string[],
): PluginError {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const told = problems.slice(0, maxTold).map((problem) => visible(problem, 500));
  if (told.length < problems.length) told.push(`and ${problems.length - told.length} more`);
  const lines = told.map((problem) => `\n  ${problem}`).join("");
  return new PluginError(code, `Cannot read ${title}: ${count}${lines}`, { url });
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
