import type { TensorLike } from "./tensor.ts";

/** A text, a column of texts or a table of rows. TensorBoard renders each as Markdown. */
export type TextLike = string | readonly string[] | readonly (readonly string[])[];

/**
 * The strings as TensorBoard stores them.
 *
 * @throws RangeError if the rows of a table differ in length
 */
export function textTensor(text: TextLike): TensorLike {
  if (typeof text === "string") return { dtype: "string", shape: [], values: [text] };
  const rows = text.map((row) => typeof row === "string" ? [row] : row);
  if (text.every((row) => typeof row === "string")) {
    return { dtype: "string", shape: [text.length], values: text };
  }
  const columns = rows[0].length;
  const odd = rows.find((row) => row.length !== columns);
  if (odd !== undefined) {
    throw new RangeError(
      `Cannot write a table with rows of ${columns} and ${odd.length} texts: ` +
        `all rows must have the same number`,
    );
  }
  return { dtype: "string", shape: [rows.length, columns], values: rows.flat() };
}
