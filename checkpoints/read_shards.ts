import type { io } from "@tensorflow/tfjs";
import { joinPath } from "../runtime/mod.ts";
import { showPath } from "../runtime/paths.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { longCrc32c } from "../tensorboard/long_crc.ts";

/** Weights and the files that hold their bytes, in order. */
export interface WeightsGroup {
  paths: string[];
  weights: io.WeightsManifestEntry[];
  /** Size in bytes of each path. An extension: TensorFlow.js neither writes nor reads it. */
  bytes?: number[];
  /** CRC-32C of each path. An extension. */
  crc32c?: number[];
}

/** Weights read from files. */
export interface WeightsContent {
  specs: io.WeightsManifestEntry[];
  /** Bytes of all weights, in the order of the specs, split at any byte. */
  shards: ArrayBuffer[];
}

/**
 * Read the files of a manifest.
 *
 * @throws FileSystemError `NotFound` if a file is missing
 * @throws RangeError if a file does not have the size in the manifest
 * @throws SyntaxError if a file does not have the checksum in the manifest
 */
export async function readShards(
  fs: FileSystem,
  directory: Path,
  manifest: WeightsGroup[],
): Promise<WeightsContent> {
  const shards: ArrayBuffer[] = [];
  for (const { paths, weights, bytes, crc32c: checksums } of manifest) {
    let size = 0;
    for (const [i, name] of paths.entries()) {
      const path = joinPath(directory, name);
      const shard = exactBuffer(await fs.readFile(path));
      size += shard.byteLength;
      if (bytes !== undefined && shard.byteLength !== bytes[i]) {
        throw new RangeError(
          `Cannot load ${showPath(path)}: it has ${shard.byteLength} bytes, expected ${bytes[i]} ` +
            "(is it truncated, or from another save?)",
        );
      }
      if (checksums !== undefined && longCrc32c(new Uint8Array(shard)) !== checksums[i]) {
        throw new SyntaxError(
          `Cannot load ${showPath(path)}: its checksum is wrong, so it is damaged`,
        );
      }
      shards.push(shard);
    }
    const expected = weights.reduce((sum, spec) => sum + leastBytes(spec), 0);
    const isExact = weights.every((spec) => spec.dtype !== "string");
    if (size < expected || (isExact && size > expected)) {
      throw new RangeError(
        `Cannot load ${paths.map((name) => showPath(joinPath(directory, name))).join(", ")}: ` +
          `${size} bytes in total, expected ${isExact ? "" : "at least "}${expected} (truncated?)`,
      );
    }
  }
  return { specs: manifest.flatMap(({ weights }) => weights), shards };
}

/**
 * The buffer of exactly these bytes. TensorFlow.js uses the whole buffer of an array, not its view.
 */
function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.byteLength === bytes.buffer.byteLength
    ? bytes.buffer as ArrayBuffer
    : bytes.slice().buffer as ArrayBuffer;
}

const valueBytes: Record<string, number> = {
  bool: 1,
  complex64: 8,
  float16: 2,
  float32: 4,
  int32: 4,
  string: 4,
  uint16: 2,
  uint8: 1,
};

/** Minimum size of a weight in bytes; for strings, the size of their lengths. */
function leastBytes({ dtype, shape, quantization }: io.WeightsManifestEntry): number {
  const size = shape.reduce((product, length) => product * length, 1);
  return size * (valueBytes[quantization?.dtype ?? dtype] ?? 0);
}
