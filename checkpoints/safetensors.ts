import { namesInFile } from "../core/weight_names.ts";
import { getRuntime } from "../runtime/mod.ts";
import { showPath } from "../runtime/paths.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { crc32c } from "../tensorboard/crc.ts";
import { longCrc32c } from "../tensorboard/long_crc.ts";
import type { LayersModel } from "../tfjs/types.ts";

/** Typed arrays in the format of the file. */
export type TensorValues =
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array;

/** One tensor of a safetensors file. */
export interface NamedTensor {
  /** Unique name in the file. */
  name: string;
  /** Shape; empty for a scalar. */
  shape: number[];
  /** TensorFlow.js dtype (`float32`, `int32`, `bool`). Default: that of the values. */
  dtype?: string;
  /** Values in row-major order. */
  values: TensorValues;
}

/** Result of {@linkcode readSafetensors}. */
export interface SafetensorsContent {
  /** Tensors in the order of the file. */
  tensors: (NamedTensor & { dtype: string })[];
  /** Metadata of the file. */
  metadata: Record<string, string>;
}

/** Options of functions that read or write safetensors. */
export interface SafetensorsOptions {
  /** File system. Default: that of the runtime. */
  fs?: FileSystem;
  /** Metadata to save. Default: none. */
  metadata?: Record<string, string>;
  /** Called when all values are copied; training may then continue while they are written. */
  onTaken?: () => void;
}

/**
 * Save the weights of a model as a safetensors file, which Python's `safetensors` and others can
 * read; `loadWeights` restores them. Layers and optimizer are not saved.
 *
 * The file is replaced atomically. The model is saved as it is at the time of the call, even if
 * training continues meanwhile. Weights are read one by one, first for the checksum, then to be
 * written, and never joined. Names are those of TensorFlow.js (`dense_Dense1/kernel`). Shapes and
 * values are unchanged (a kernel is [inputs, units]).
 *
 * @param model a `tf.LayersModel`
 * @param path path of the file, usually `*.safetensors`; its directory must exist
 * @throws TypeError when `model` is not a layers model, or has weights that are neither float32,
 *   int32 nor bool
 * @throws FileSystemError when it cannot be written; the old file stays intact
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { loadWeights, memoryFileSystem, saveSafetensors } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const build = () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
 * const fs = memoryFileSystem();
 * const [trained, fresh] = [build(), build()];
 * await saveSafetensors(trained, "best.safetensors", { fs });
 * await loadWeights(fresh, "best.safetensors", { fs });
 * assert.deepEqual(fresh.getWeights()[0].dataSync(), trained.getWeights()[0].dataSync());
 * ```
 */
export async function saveSafetensors(
  model: LayersModel,
  path: Path,
  { fs = getRuntime().fs, metadata, onTaken }: SafetensorsOptions = {},
): Promise<void> {
  if (typeof model?.getWeights !== "function" || !Array.isArray(model.weights)) {
    throw new TypeError("Cannot save safetensors: the model must be a tf.LayersModel");
  }
  const action = `Cannot save ${showPath(path)}`;
  const names = namesInFile(model);
  // A clone shares the values until training replaces them.
  const taken = model.getWeights().map((weight) => weight.clone());
  // Disposed once: another library's tensors may count their owners.
  const open = new Set(taken);
  try {
    const sources = taken.map(({ shape, dtype }, i): Source => ({
      name: names[i],
      shape,
      kind: kindOf(dtype, `${action}: '${names[i]}'`),
      read: async () => await taken[i].data() as TensorValues,
      written() {
        taken[i].dispose();
        open.delete(taken[i]);
      },
    }));
    onTaken?.();
    await write(fs, path, sources, metadata, action);
  } finally {
    for (const tensor of open) tensor.dispose();
  }
}

/**
 * Write tensors to a safetensors file, atomically and without copying values. The metadata contains
 * a checksum of the whole file, `keepfit.crc32c`.
 *
 * @param path path of the file; its directory must exist
 * @param tensors tensors with unique names
 * @throws RangeError for a duplicate name, or values that do not fill their shape
 * @throws TypeError for a dtype that safetensors does not support
 * @throws FileSystemError when it cannot be written; the old file stays intact
 * @example
 * ```ts
 * import { memoryFileSystem, readSafetensors, writeSafetensors } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * const values = Float32Array.of(1, 2, 3, 4, 5, 6);
 * await writeSafetensors("x.safetensors", [{ name: "x", shape: [2, 3], values }], {
 *   fs,
 *   metadata: { unit: "m" },
 * });
 * const { tensors, metadata } = await readSafetensors("x.safetensors", { fs });
 * assert.deepEqual(tensors, [{ name: "x", shape: [2, 3], dtype: "float32", values }]);
 * assert.equal(metadata.unit, "m");
 * ```
 */
export async function writeSafetensors(
  path: Path,
  tensors: readonly NamedTensor[],
  { fs = getRuntime().fs, metadata }: Omit<SafetensorsOptions, "onTaken"> = {},
): Promise<void> {
  const action = `Cannot save ${showPath(path)}`;
  const sources = tensors.map(({ name, shape, dtype, values }): Source => ({
    name,
    shape,
    kind: kindOf(dtype ?? values, `${action}: '${name}'`),
    read: () => values,
  }));
  await write(fs, path, sources, metadata, action);
}

/**
 * Read a safetensors file, and verify the checksum of {@linkcode writeSafetensors} if it has one.
 *
 * @throws FileSystemError `NotFound` for a missing file
 * @throws SyntaxError for a malformed or damaged file; every byte must belong to one tensor
 * @throws TypeError for types without a typed array (`F16`, `BF16`)
 */
export async function readSafetensors(
  path: Path,
  options: Pick<SafetensorsOptions, "fs"> = {},
): Promise<SafetensorsContent> {
  const { checksum: _checked, ...content } = await readChecked(path, options);
  return content;
}

/** Like {@linkcode readSafetensors}, with the checksum; undefined for a file of another program. */
export async function readChecked(
  path: Path,
  { fs = getRuntime().fs }: Pick<SafetensorsOptions, "fs"> = {},
): Promise<SafetensorsContent & { checksum: string | undefined }> {
  const action = `Cannot load ${showPath(path)}`;
  const bytes = await fs.readFile(path);
  const { header, data } = split(bytes, action);
  const { __metadata__: metadata = {}, ...entries } = header;
  let end = 0;
  const tensors = Object.entries(entries)
    .sort(([, a], [, b]) => start(a) - start(b))
    .map(([name, entry]) => {
      const { dtype, shape, data_offsets: offsets } = checkEntry(entry, `${action}: '${name}'`);
      const kind = kinds.find((one) => one.name === dtype);
      if (kind === undefined) {
        throw new TypeError(
          `${action}: '${name}' is ${dtype}, expected one of ` +
            kinds.map((one) => one.name).join(", "),
        );
      }
      const size = sizeOf(shape) * kind.array.BYTES_PER_ELEMENT;
      if (offsets[0] !== end || offsets[1] - end !== size) {
        throw new SyntaxError(
          `${action}: '${name}' is at ${offsets.join(" to ")}, expected ${end} to ${end + size}`,
        );
      }
      end += size;
      if (end > data.length) throw truncated(action, data.length, end);
      // Copied, because a typed array must start at a multiple of its element size.
      const values = new kind.array(data.slice(offsets[0], end).buffer) as TensorValues;
      return { name, shape, dtype: kind.tfjs, values };
    });
  if (end !== data.length) throw truncated(action, data.length, end);
  const { [CHECKSUM]: checksum, ...rest } = metadata as Record<string, string>;
  if (checksum !== undefined && checksum !== checksumOf(header, longCrc32c(data))) {
    throw new SyntaxError(
      `${action}: its checksum is wrong, so it is damaged; if another program has changed it, remove ` +
        `${CHECKSUM} from its metadata`,
    );
  }
  return { tensors, metadata: rest, checksum };
}

/** Key of the checksum in the metadata. */
const CHECKSUM = "keepfit.crc32c";

/** CRC-32C, as text, of the header without the checksum and of the data. */
function checksumOf(header: Record<string, unknown>, ofData: number): string {
  const { __metadata__: metadata, ...entries } = header;
  const { [CHECKSUM]: _, ...rest } = (metadata ?? {}) as Record<string, string>;
  return String(crc32c(new TextEncoder().encode(JSON.stringify([rest, entries, ofData]))));
}

/** Names of data types in the file and in TensorFlow.js, and their typed arrays. */
interface Kind {
  name: string;
  tfjs: string;
  array: {
    new (buffer: ArrayBuffer): ArrayBufferView;
    readonly BYTES_PER_ELEMENT: number;
  };
}

// The first kind with a Uint8Array is BOOL, the type of such values in TensorFlow.js.
const kinds: Kind[] = [
  { name: "F32", tfjs: "float32", array: Float32Array },
  { name: "I32", tfjs: "int32", array: Int32Array },
  { name: "BOOL", tfjs: "bool", array: Uint8Array },
  { name: "F64", tfjs: "float64", array: Float64Array },
  { name: "I64", tfjs: "int64", array: BigInt64Array },
  { name: "U64", tfjs: "uint64", array: BigUint64Array },
  { name: "U32", tfjs: "uint32", array: Uint32Array },
  { name: "I16", tfjs: "int16", array: Int16Array },
  { name: "U16", tfjs: "uint16", array: Uint16Array },
  { name: "I8", tfjs: "int8", array: Int8Array },
  { name: "U8", tfjs: "uint8", array: Uint8Array },
];

function kindOf(dtypeOrValues: string | TensorValues, subject: string): Kind {
  const kind = typeof dtypeOrValues === "string"
    ? kinds.find(({ tfjs }) => tfjs === dtypeOrValues)
    : kinds.find(({ name, array }) =>
      name !== "BOOL" && dtypeOrValues instanceof (array as unknown as typeof Float32Array)
    );
  if (kind !== undefined) return kind;
  throw new TypeError(
    `${subject} is ${typeof dtypeOrValues === "string" ? dtypeOrValues : "not a typed array"}, ` +
      `which safetensors cannot contain`,
  );
}

/** A tensor to write; its values are read only when they are needed. */
interface Source {
  name: string;
  shape: number[];
  kind: Kind;
  read(): TensorValues | Promise<TensorValues>;
  /** Called after the last read. */
  written?(): void;
}

async function write(
  fs: FileSystem,
  path: Path,
  sources: Source[],
  metadata: Record<string, string> | undefined,
  action: string,
): Promise<void> {
  // Wide types come first, so that each tensor starts at a multiple of its element size.
  const ordered = sources.slice().sort((a, b) =>
    b.kind.array.BYTES_PER_ELEMENT - a.kind.array.BYTES_PER_ELEMENT
  );
  const entries: Record<string, unknown> = {};
  let end = 0;
  for (const { name, shape, kind } of ordered) {
    if (Object.hasOwn(entries, name)) {
      throw new RangeError(`${action}: two tensors have the name '${name}'`);
    }
    const begin = end;
    end += sizeOf(shape) * kind.array.BYTES_PER_ELEMENT;
    entries[name] = { dtype: kind.name, shape, data_offsets: [begin, end] };
  }
  // The header precedes the data, so the checksum requires an additional read.
  let ofData = 0;
  for (const source of ordered) {
    const bytes = await bytesOf(source, action);
    ofData = longCrc32c(bytes, ofData);
  }
  const header = { __metadata__: { ...metadata }, ...entries };
  header.__metadata__[CHECKSUM] = checksumOf(header, ofData);
  await fs.writeFile(path, parts(header, ordered, action));
}

async function* parts(
  header: Record<string, unknown>,
  sources: Source[],
  action: string,
): AsyncGenerator<Uint8Array> {
  const json = new TextEncoder().encode(JSON.stringify(header));
  // Padded with spaces, so that the data starts at a multiple of 8.
  const padded = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20, 8 + json.length);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(json, 8);
  yield padded;
  for (const source of sources) {
    const bytes = await bytesOf(source, action);
    if (bytes.length > 0) yield bytes;
    source.written?.();
  }
}

async function bytesOf({ name, shape, read }: Source, action: string): Promise<Uint8Array> {
  const values = await read();
  if (values.length !== sizeOf(shape)) {
    throw new RangeError(
      `${action}: '${name}' has ${values.length} values, its shape [${shape}] ${sizeOf(shape)}`,
    );
  }
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

function split(
  bytes: Uint8Array,
  action: string,
): { header: Record<string, unknown>; data: Uint8Array } {
  if (bytes.length < 8) throw truncated(action, bytes.length, 8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > bytes.length - 8) throw truncated(action, bytes.length, 8 + length);
  let header: unknown;
  try {
    header = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + length)),
    );
  } catch (cause) {
    throw new SyntaxError(`${action}: its header is not JSON`, { cause });
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw new SyntaxError(`${action}: its header is not an object`);
  }
  return { header: header as Record<string, unknown>, data: bytes.subarray(8 + length) };
}

function start(entry: unknown): number {
  return (entry as Entry | null)?.data_offsets?.[0] ?? 0;
}

function checkEntry(entry: unknown, subject: string): Entry {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Partial<Entry>;
  const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
  const isEntry = typeof dtype === "string" && Array.isArray(shape) && shape.every(isCount) &&
    Array.isArray(offsets) && offsets.length === 2 && offsets.every(isCount);
  if (!isEntry) throw new SyntaxError(`${subject} has no dtype, shape and data_offsets`);
  return { dtype, shape, data_offsets: offsets };
}

function truncated(action: string, has: number, expected: number): SyntaxError {
  return new SyntaxError(
    `${action}: it has ${has} bytes of data, expected ${expected} (truncated?)`,
  );
}

function sizeOf(shape: number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
