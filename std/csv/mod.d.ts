// The part of @std/csv that keepfit uses; deno-std on npm has no types.

/** Options of {@linkcode parse}. */
export interface ParseOptions {
  separator?: string;
  trimLeadingSpace?: boolean;
  fieldsPerRecord?: number;
}

/** The rows of a CSV text, each an array of fields. */
export function parse(text: string, options?: ParseOptions): string[][];

/** Options of {@linkcode stringify}. */
export interface StringifyOptions {
  separator?: string;
  crlf?: boolean;
  headers?: boolean;
}

/** Rows, each an array of fields, as a CSV text. */
export function stringify(
  rows: readonly (readonly unknown[])[],
  options?: StringifyOptions,
): string;
