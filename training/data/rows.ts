import type * as tf from "@tensorflow/tfjs";
import { type Engine, type Heap, heapOf } from "../../tfjs/engine.ts";
import type { HostRows } from "../../tfjs/plan/plan.ts";

/** The rows of a tensor, taken batch by batch. */
export interface Rows {
  /** Whether all taken rows have {@linkcode TakenRows.copyTo}. */
  readonly isOnHost: boolean;
  take(selection: Selection): TakenRows;
  dispose(): void;
}

/** The rows from `begin` to `end` (exclusive), or the numbers of rows at these indices of `order`. */
export interface Selection {
  begin: number;
  end: number;
  order: Uint32Array | undefined;
}

/** Rows of a batch. They are copied only when they are used. */
export interface TakenRows extends Partial<Pick<HostRows, "copyTo">> {
  readonly shape: number[];
  readonly size: number;
  readonly dtype: tf.DataType;
  /** Create a tensor of the rows, which the caller disposes. */
  toTensor(): tf.Tensor;
}

/**
 * Create the rows of a tensor in the most efficient way for the backend. A rank-1 tensor gets a
 * second axis, as in tfjs.
 */
export async function tensorRows(engine: Engine, tensor: tf.Tensor): Promise<Rows> {
  const heap = heapOf(engine);
  if (!["float32", "int32", "bool"].includes(tensor.dtype)) return deviceRows(engine, tensor);
  if (engine.backendName === "cpu") {
    // These are the live values, so they must not be changed.
    const values = await tensor.data() as tf.TypedArray;
    const rowShape = tensor.rank === 1 ? [1] : tensor.shape.slice(1);
    return hostRows(engine, values, rowShape, tensor.dtype);
  }
  if (heap === undefined) return deviceRows(engine, tensor);
  // A device passes only data that has been read to another backend.
  if (engine.state.tensorInfo.get(tensor.dataId)?.backend !== heap) await tensor.data();
  return heapRows(engine, heap, tensor);
}

/**
 * Rows from values on the host. An unshuffled pass copies nothing, a shuffled pass only its rows.
 *
 * @param rowShape shape of one row
 */
export function hostRows(
  engine: Engine,
  values: tf.TypedArray,
  rowShape: number[],
  dtype: tf.DataType,
): Rows {
  const width = sizeOf(rowShape);
  const Values = values.constructor as new (length: number) => Float32Array;
  return {
    isOnHost: true,
    take(selection) {
      const { begin, end, order } = selection;
      const size = (end - begin) * width;
      const shape = [end - begin, ...rowShape];
      return {
        shape,
        size,
        dtype,
        copyTo: (memory, at) => copyRows(values, width, selection, memory.floats(), at),
        toTensor() {
          if (order === undefined) {
            return engine.makeTensor(values.subarray(begin * width, end * width), shape, dtype);
          }
          const taken = new Values(size);
          copyRows(values, width, selection, taken);
          return engine.makeTensor(taken, shape, dtype);
        },
      };
    },
    dispose: () => {},
  };
}

/** Rows copied inside the heap: tfjs's own slice and gather read the whole tensor first. */
function heapRows(engine: Engine, heap: Heap, tensor: tf.Tensor): Rows {
  const all = keptRows(engine, tensor);
  const { dtype } = tensor;
  const rowShape = all.shape.slice(1);
  const width = sizeOf(rowShape);
  // A view is valid until the next allocation.
  const values = () => heap.typedArrayFromHeap(all);
  return {
    isOnHost: true,
    take(selection) {
      const count = selection.end - selection.begin;
      const shape = [count, ...rowShape];
      return {
        shape,
        size: count * width,
        dtype,
        copyTo: (memory, at) => copyRows(values(), width, selection, memory.floats(), at),
        toTensor() {
          const taken = heap.makeOutput(shape, dtype);
          copyRows(values(), width, selection, heap.typedArrayFromHeap(taken));
          return engine.makeTensorFromTensorInfo(taken, heap);
        },
      };
    },
    dispose: () => all.dispose(),
  };
}

function deviceRows(engine: Engine, tensor: tf.Tensor): Rows {
  const rows = keptRows(engine, tensor);
  const rowShape = rows.shape.slice(1);
  return {
    isOnHost: false,
    take: ({ begin, end, order }) => ({
      shape: [end - begin, ...rowShape],
      size: (end - begin) * sizeOf(rowShape),
      dtype: rows.dtype,
      toTensor: () =>
        engine.tidy(() => {
          if (order === undefined) {
            return rows.slice([begin, ...rowShape.map(() => 0)], [end - begin, ...rowShape]);
          }
          const indices = Int32Array.from(order.subarray(begin, end));
          return rows.gather(engine.makeTensor(indices, [indices.length], "int32") as tf.Tensor1D);
        }),
    }),
    dispose: () => rows.dispose(),
  };
}

/** The first rows of a tensor, or all if there are fewer. */
export function firstRows(tensor: tf.Tensor, count: number): tf.Tensor {
  const [rows, ...row] = tensor.shape;
  return tensor.slice([0, ...row.map(() => 0)], [Math.min(rows, count), ...row]);
}

/** A second tensor with at least two axes, independent of the user's. */
function keptRows(engine: Engine, tensor: tf.Tensor): tf.Tensor {
  const { shape } = tensor;
  // On wasm a clone copies, a reshape does not.
  return engine.tidy(() => engine.keep(tensor.reshape(shape.length === 1 ? [shape[0], 1] : shape)));
}

/** Copy rows to index `at` of an array, and beyond. */
function copyRows(
  values: tf.TypedArray,
  width: number,
  { begin, end, order }: Selection,
  to: tf.TypedArray,
  at = 0,
): void {
  if (order === undefined) {
    to.set(values.subarray(begin * width, end * width), at);
    return;
  }
  for (let i = begin; i < end; i++, at += width) {
    const from = order[i] * width;
    // For few values, creating a view costs more than it saves.
    if (width > 48) to.set(values.subarray(from, from + width), at);
    else for (let j = 0; j < width; j++) to[at + j] = values[from + j];
  }
}

function sizeOf(shape: number[]): number {
  return shape.reduce((size, one) => size * one, 1);
}
