import { parse } from "@std/csv/parse";
import { stringify } from "@std/csv/stringify";
import type { OptionRule } from "./options.ts";

/** Records of a CSV text, with the header as the first one. */
export function csvRecords(text: string, separator: string): string[][] {
  return text === "" ? [] : parse(text, { separator });
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
