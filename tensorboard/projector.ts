import type { FileSystem, Path } from "../runtime/types.ts";
import { pathIn } from "./path_in.ts";

/** An embedding in the projector's configuration. */
export interface EmbeddingInfo {
  /** Name in the projector, or of a variable in a TensorFlow checkpoint. */
  tensorName: string;
  /** File of the vectors. */
  tensorPath?: string;
  /** Rows and columns; required if the file does not contain them. */
  tensorShape?: readonly [number, number];
  /** File with a label, or a row of labels, for each vector. */
  metadataPath?: string;
  /** File of bookmarks: saved views. */
  bookmarksPath?: string;
  /**
   * Sprite image with one small picture for each vector, in rows; width and height of one picture
   * in pixels.
   */
  sprite?: { imagePath: string; width: number; height: number };
}

/** An embedding to write. */
export interface Embedding {
  /** Name in the projector and prefix of the file names. */
  name: string;
  /** Rows and columns. */
  shape: readonly [number, number];
  /** Values of the vectors in row-major order. */
  values: ArrayLike<number>;
  /** A label for each vector, or columns of labels by name. Default: none. */
  metadata?: readonly string[] | Readonly<Record<string, readonly (string | number)[]>>;
}

/** Options of {@linkcode writeEmbedding}. */
export interface WriteEmbeddingOptions {
  /** File system. */
  fs: FileSystem;
  /**
   * Format of the vectors. `"tsv"` is text and always readable. `"bytes"` is float32, a third of
   * the size, but TensorBoard recognizes it only by invalid UTF-8, so it may misread vectors of few
   * distinct values. Default: `"tsv"`.
   */
  format?: "tsv" | "bytes";
}

/**
 * The content of `projector_config.pbtxt`, which TensorBoard's projector reads from the folder of a
 * run. Paths are relative to that folder.
 *
 * @param embeddings embeddings, in the order of the projector's menu
 * @example
 * ```ts
 * import { projectorConfig } from "keepfit/tensorboard";
 * import assert from "node:assert/strict";
 *
 * assert.equal(
 *   projectorConfig([{ tensorName: "words", metadataPath: "words.tsv" }]),
 *   'embeddings {\n  tensor_name: "words"\n  metadata_path: "words.tsv"\n}\n',
 * );
 * ```
 */
export function projectorConfig(embeddings: readonly EmbeddingInfo[]): string {
  return embeddings.map((embedding) => {
    const { tensorName, tensorPath, tensorShape, metadataPath, bookmarksPath, sprite } = embedding;
    const lines = [`  tensor_name: ${quote(tensorName)}`];
    if (metadataPath) lines.push(`  metadata_path: ${quote(metadataPath)}`);
    if (bookmarksPath) lines.push(`  bookmarks_path: ${quote(bookmarksPath)}`);
    for (const size of tensorShape ?? []) lines.push(`  tensor_shape: ${size}`);
    if (sprite !== undefined) {
      lines.push(
        "  sprite {",
        `    image_path: ${quote(sprite.imagePath)}`,
        `    single_image_dim: ${sprite.width}`,
        `    single_image_dim: ${sprite.height}`,
        "  }",
      );
    }
    if (tensorPath) lines.push(`  tensor_path: ${quote(tensorPath)}`);
    return `embeddings {\n${lines.join("\n")}\n}\n`;
  }).join("");
}

/**
 * Write the vectors and labels of an embedding for TensorBoard's projector.
 *
 * @param folder folder of the run; created if missing
 * @param embedding the embedding
 * @returns its entry for {@linkcode projectorConfig}
 * @throws RangeError if the number of values or labels does not match the shape
 * @example
 * ```ts
 * import { memoryFileSystem } from "keepfit/runtime";
 * import { projectorConfig, writeEmbedding } from "keepfit/tensorboard";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * const words = await writeEmbedding("logs", {
 *   name: "words",
 *   shape: [2, 3],
 *   values: [1, 0, 0, 0, 1, 0],
 *   metadata: ["yes", "no"],
 * }, { fs });
 * await fs.writeFile("logs/projector_config.pbtxt", projectorConfig([words]));
 * assert.equal(await fs.readTextFile("logs/words.tsv"), "1\t0\t0\n0\t1\t0\n");
 * assert.equal(await fs.readTextFile("logs/words_metadata.tsv"), "yes\nno\n");
 * ```
 */
export async function writeEmbedding(
  folder: Path,
  embedding: Embedding,
  { fs, format = "tsv" }: WriteEmbeddingOptions,
): Promise<EmbeddingInfo> {
  const { name, shape, values, metadata } = embedding;
  const [rows, columns] = shape;
  if (values.length !== rows * columns) {
    throw new RangeError(
      `Cannot write the embedding ${name} of shape [${shape}] with ${values.length} values: ` +
        `there must be ${rows * columns}`,
    );
  }
  const labels = metadata && metadataTsv(name, rows, metadata);
  const file = name.replaceAll(/[/\\:]/g, "_");
  const info: EmbeddingInfo = {
    tensorName: name,
    tensorPath: `${file}.${format}`,
    tensorShape: [rows, columns],
  };
  await fs.makeDir(folder);
  await fs.writeFile(
    pathIn(folder, `${file}.${format}`),
    format === "tsv" ? tensorTsv(values, columns) : tensorBytes(values),
  );
  if (labels !== undefined) {
    info.metadataPath = `${file}_metadata.tsv`;
    await fs.writeFile(pathIn(folder, info.metadataPath), labels);
  }
  return info;
}

function* tensorTsv(values: ArrayLike<number>, columns: number): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (let start = 0; start < values.length; start += columns) {
    yield encoder.encode(
      Array.from({ length: columns }, (_, i) => pythonNumber(values[start + i])).join("\t") + "\n",
    );
  }
}

/** A number as Python's `float` parses it. */
function pythonNumber(value: number): string {
  return Number.isFinite(value) ? String(value) : String(value).replace("Infinity", "inf");
}

function tensorBytes(values: ArrayLike<number>): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (let i = 0; i < values.length; i++) view.setFloat32(i * 4, values[i], true);
  return new Uint8Array(view.buffer);
}

/** Labels as TSV. Only several columns have a heading: TensorBoard detects it by its tab. */
function metadataTsv(
  name: string,
  rows: number,
  metadata: NonNullable<Embedding["metadata"]>,
): string {
  const columns = Array.isArray(metadata) ? [["", metadata] as const] : Object.entries(metadata);
  for (const [heading, labels] of columns) {
    if (labels.length === rows) continue;
    throw new RangeError(
      `Cannot write the embedding ${name} of ${rows} rows with ${labels.length} labels` +
        `${heading && ` in ${heading}`}: there must be ${rows}`,
    );
  }
  const lines = Array.from({ length: rows }, (_, row) => columns.map(([, labels]) => labels[row]));
  if (columns.length > 1) lines.unshift(columns.map(([heading]) => heading));
  // A label cannot contain a tab or line break, and TSV has no quoting.
  return lines.map((line) =>
    line.map((label) => String(label).replaceAll(/\s/g, " ")).join("\t") + "\n"
  ).join("");
}

/** A string in the text format of protocol buffers. */
function quote(text: string): string {
  const named: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  const escaped = text.replaceAll(/["'\\]/g, "\\$&").replaceAll(
    // deno-lint-ignore no-control-regex
    /[\x00-\x1f\x7f]/g,
    (sign) => named[sign] ?? `\\${sign.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
  return `"${escaped}"`;
}
