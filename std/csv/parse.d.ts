// The part of @std/csv/parse that keepfit uses; deno-std on npm has no types.

/** Options of {@linkcode parse}. */
export interface ParseOptions {
  separator?: string;
  trimLeadingSpace?: boolean;
  fieldsPerRecord?: number;
}

/** The rows of a CSV text, each an array of fields. */
export function parse(text: string, options?: ParseOptions): string[][];
