import { type ProtobufWriter, readFields, readPackedIntegers, viewOf } from "./protobuf.ts";

/** Data type of a tensor. Strings are bytes: UTF-8 text or any other data. */
export type TensorDType =
  | "float32"
  | "float64"
  | "int32"
  | "uint8"
  | "string"
  | "int64"
  | "bool";

/** A tensor to write. */
export interface TensorLike {
  /** Data type of the values. */
  dtype: TensorDType;
  /** Sizes of the dimensions; `[]` is a scalar. */
  shape: readonly number[];
  /** Values in row-major order. */
  values: ArrayLike<number | bigint | boolean | string | Uint8Array>;
}

/** A tensor read from a file. */
export interface TensorValue {
  /** Data type, or its number in TensorFlow's `types.proto` if it is not supported. */
  dtype: TensorDType | number;
  /** Sizes of the dimensions; `[]` is a scalar. */
  shape: number[];
  /** Values in row-major order: numbers for floats, `int32` and `uint8`, bigints for `int64`. */
  values: number[] | bigint[] | boolean[] | Uint8Array[];
}

/** The form of a data type in a `TensorProto`. */
interface DTypeFormat {
  /** Number in TensorFlow's `types.proto`. */
  id: number;
  /** Field of the value of a tensor with one element. */
  field: number;
  /** Bytes per value in `tensor_content`. */
  size: number;
  write(view: DataView, offset: number, value: unknown): void;
  read(view: DataView, offset: number): number | bigint | boolean;
}

const formats: Record<Exclude<TensorDType, "string">, DTypeFormat> = {
  float32: {
    id: 1,
    field: 5,
    size: 4,
    write: (view, offset, value) => view.setFloat32(offset, Number(value), true),
    read: (view, offset) => view.getFloat32(offset, true),
  },
  float64: {
    id: 2,
    field: 6,
    size: 8,
    write: (view, offset, value) => view.setFloat64(offset, Number(value), true),
    read: (view, offset) => view.getFloat64(offset, true),
  },
  int32: {
    id: 3,
    field: 7,
    size: 4,
    write: (view, offset, value) => view.setInt32(offset, Number(value), true),
    read: (view, offset) => view.getInt32(offset, true),
  },
  uint8: {
    id: 4,
    field: 7,
    size: 1,
    write: (view, offset, value) => view.setUint8(offset, Number(value)),
    read: (view, offset) => view.getUint8(offset),
  },
  int64: {
    id: 9,
    field: 10,
    size: 8,
    write: (view, offset, value) => view.setBigInt64(offset, BigInt(value as bigint), true),
    read: (view, offset) => view.getBigInt64(offset, true),
  },
  bool: {
    id: 10,
    field: 11,
    size: 1,
    write: (view, offset, value) => view.setUint8(offset, value ? 1 : 0),
    read: (view, offset) => view.getUint8(offset) !== 0,
  },
};
const stringId = 7;
const stringField = 8;
const contentField = 4;

/** The number of a data type in TensorFlow's `types.proto`. */
export function dtypeId(dtype: TensorDType): number {
  if (dtype === "string") return stringId;
  if (Object.hasOwn(formats, dtype)) return formats[dtype].id;
  const known = [...Object.keys(formats), "string"].join(", ");
  throw new RangeError(`Cannot write a tensor of dtype ${dtype}: dtype must be one of ${known}`);
}

/** The data type of a number in `types.proto`, or the number if it is not supported. */
export function dtypeOf(id: number): TensorDType | number {
  if (id === stringId) return "string";
  const known = Object.entries(formats).find(([, format]) => format.id === id);
  return known === undefined ? id : known[0] as TensorDType;
}

/**
 * Write a `TensorProto`, byte for byte like TensorBoard's `make_tensor_proto`.
 *
 * @throws RangeError for an unknown dtype, or if the number of values does not match the shape
 */
export function writeTensor(out: ProtobufWriter, { dtype, shape, values }: TensorLike): void {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (values.length !== size) {
    throw new RangeError(
      `Cannot write a tensor of shape [${shape}] with ${values.length} values: ` +
        `there must be ${size}`,
    );
  }
  out.varint(1, dtypeId(dtype));
  out.message(2, () => writeShape(out, shape));
  if (dtype === "string") {
    for (let i = 0; i < size; i++) {
      const value = values[i];
      if (value instanceof Uint8Array) out.bytes(stringField, value);
      else out.text(stringField, String(value));
    }
    return;
  }
  checkNumbers(dtype, values);
  const format = formats[dtype];
  if (size > 0 && (dtype === "bool" || (size === 1 && !dtype.startsWith("float")))) {
    // Converted through bytes, so that a value is truncated as in a larger tensor.
    const cell = new DataView(new ArrayBuffer(format.size));
    out.message(format.field, () => {
      for (let i = 0; i < size; i++) {
        format.write(cell, 0, values[i]);
        out.packedVarint(BigInt(format.read(cell, 0)));
      }
    });
  } else if (size > 0) {
    const bytes = new Uint8Array(size * format.size);
    const view = viewOf(bytes);
    for (let i = 0; i < size; i++) format.write(view, i * format.size, values[i]);
    out.bytes(size === 1 ? format.field : contentField, bytes);
  }
}

/** Reject values that would be written as 0 or NaN; a typed array holds only numbers. */
function checkNumbers(dtype: TensorDType, values: TensorLike["values"]): void {
  if (ArrayBuffer.isView(values)) return;
  for (let i = 0; i < values.length; i++) {
    if (["number", "bigint", "boolean"].includes(typeof values[i])) continue;
    throw new TypeError(
      `Cannot write a tensor of dtype ${dtype}: expected numbers, got ${String(values[i])} at ` +
        `index ${i}`,
    );
  }
}

/** Write a `TensorShapeProto`. -1 is an unknown dimension, null an unknown rank. */
export function writeShape(out: ProtobufWriter, shape: readonly number[] | null): void {
  if (shape === null) return out.varint(3, 1);
  for (const dimension of shape) {
    out.message(2, () => dimension !== 0 && out.varint(1, dimension));
  }
}

/** Read a `TensorProto`; an unknown dtype has no values. */
export function readTensor(bytes: Uint8Array): TensorValue {
  let dtype: TensorDType | number = 0;
  let shape: number[] = [];
  const fields = [...readFields(bytes)];
  for (const { number, integer, bytes } of fields) {
    if (number === 1) dtype = dtypeOf(Number(integer));
    if (number === 2) shape = readShape(bytes) ?? [];
  }
  if (dtype === "string") {
    const values = fields.filter(({ number }) => number === stringField).map(({ bytes }) => bytes);
    return { dtype, shape, values };
  }
  if (typeof dtype === "number") return { dtype, shape, values: [] };
  const { field, size, read } = formats[dtype];
  const values: unknown[] = [];
  for (const { number, integer, bytes } of fields) {
    if (number === contentField || (number === field && dtype.startsWith("float"))) {
      const view = viewOf(bytes);
      for (let at = 0; at + size <= bytes.length; at += size) values.push(read(view, at));
    } else if (number === field) {
      const integers = bytes.length > 0 ? readPackedIntegers(bytes) : [integer];
      for (const value of integers) {
        values.push(dtype === "int64" ? value : dtype === "bool" ? value !== 0n : Number(value));
      }
    }
  }
  return { dtype, shape, values: values as number[] };
}

/** Read a `TensorShapeProto`; null is an unknown rank. */
export function readShape(bytes: Uint8Array): number[] | null {
  const shape: number[] = [];
  for (const { number, bytes: dimension } of readFields(bytes)) {
    if (number === 3) return null;
    if (number !== 2) continue;
    let size = 0;
    for (const { number, integer } of readFields(dimension)) {
      if (number === 1) size = Number(integer);
    }
    shape.push(size);
  }
  return shape;
}
