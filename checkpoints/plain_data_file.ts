import type { StateValue } from "../core/callback.ts";
import {
  type NamedTensor,
  readChecked,
  type TensorValues,
  writeSafetensors,
} from "./safetensors.ts";
import { directoryOf, ensureDir } from "../runtime/mod.ts";
import { showPath } from "../runtime/paths.ts";
import type { FileSystem, Path } from "../runtime/types.ts";

/**
 * Write plain data to a file, atomically, and create its folder if it is missing. The format is
 * safetensors: the typed arrays are tensors, named by their paths, and the rest is JSON in the
 * metadata, with a checksum of everything. NaN, infinities and -0 are preserved. Typed arrays must
 * not change until they are written; everything else is copied by the call.
 *
 * @param before what must have happened before anything is written. Default: nothing
 */
export async function writePlainData(
  fs: FileSystem,
  path: Path,
  data: StateValue,
  before?: Promise<void>,
): Promise<void> {
  const tensors: NamedTensor[] = [];
  const json = JSON.stringify(pack(data, "", tensors));
  await before;
  await ensureDir(directoryOf(path), { fs });
  await writeSafetensors(path, tensors, { fs, metadata: { json } });
}

/**
 * Read a file of {@linkcode writePlainData}.
 *
 * @throws FileSystemError `NotFound` for a missing file
 * @throws SyntaxError if the file is damaged
 */
export async function readPlainData(fs: FileSystem, path: Path): Promise<StateValue> {
  const { tensors, metadata, checksum } = await readChecked(path, { fs });
  if (checksum === undefined) {
    throw new SyntaxError(`Cannot load ${showPath(path)}: it has no checksum, so it is damaged`);
  }
  const arrays = new Map(tensors.map(({ name, values }) => [name, values]));
  try {
    return unpack(JSON.parse(metadata.json), arrays);
  } catch (cause) {
    throw new SyntaxError(`Cannot load ${showPath(path)}: its metadata is not data of keepfit`, {
      cause,
    });
  }
}

/** Values that JSON cannot represent are objects with this key. */
const MARK = "$";

function pack(value: StateValue | undefined, path: string, tensors: NamedTensor[]): unknown {
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { [MARK]: Object.is(value, -0) ? "-0" : String(value) };
  }
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) {
    const values = value as TensorValues;
    tensors.push({ name: path, shape: [values.length], values });
    return { [MARK]: "array", at: path };
  }
  if (Array.isArray(value)) return value.map((one, i) => pack(one, `${path}/${i}`, tensors));
  const packed = Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, pack(one, `${path}/${key}`, tensors)]),
  );
  return MARK in packed ? { [MARK]: "object", value: packed } : packed;
}

function unpack(value: unknown, arrays: Map<string, TensorValues>): StateValue {
  if (typeof value !== "object" || value === null) return value as StateValue;
  if (Array.isArray(value)) return value.map((one) => unpack(one, arrays));
  const { [MARK]: mark, at, value: wrapped } = value as Record<string, unknown>;
  if (mark === "array") {
    const values = arrays.get(at as string);
    if (values === undefined) throw new RangeError(`it has no tensor '${at}'`);
    return values;
  }
  if (mark !== undefined && mark !== "object") return Number(mark);
  return Object.fromEntries(
    Object.entries((mark === "object" ? wrapped : value) as object)
      .map(([key, one]) => [key, unpack(one, arrays)]),
  );
}
