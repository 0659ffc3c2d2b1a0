import { parse } from "@std/csv/parse";
import { stringify } from "@std/csv/stringify";
import { messageOf } from "../core/errors.ts";
import { showPath } from "../runtime/paths.ts";
import type { Path } from "../runtime/types.ts";
import type { OptionRule } from "./options.ts";

/**
 * Records of a CSV text, with the header as the first one.
 *
 * @param path path of the file, for the message
 * @throws SyntaxError for text that is not CSV
 */
export function csvRecords(text: string, separator: string, path: Path): string[][] {
  try {
    return text === "" ? [] : parse(text, { separator });
  } catch (cause) {
    throw new SyntaxError(`Cannot read ${showPath(path)} as CSV: ${messageOf(cause)}`, { cause });
  }
}

/** The lines of records, each with its end. */
export function csvText(records: string[][], separator: string): string {
  return stringify(records, { headers: false, separator });
}

/**
 * The missing end of the last line, if a process was killed while writing or the file was edited.
 */
export function endOfLastLine(text: string): string {
  if (text.endsWith("\n")) return "";
  const isQuoted = text.split('"').length % 2 === 0;
  return `${isQuoted ? '"' : ""}${text.endsWith("\r") ? "" : "\r"}\n`;
}

/** Rule of the separator of two values. */
export const separator: OptionRule = {
  types: ["string"],
  expected: "one character other than a quote or a line end",
  isValid: (value: string) => /^[^"\r\n]$/u.test(value),
};
