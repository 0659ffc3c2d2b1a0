// The part of @std/csv/stringify that keepfit uses; deno-std on npm has no types.

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
