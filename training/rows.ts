import type * as tf from "@tensorflow/tfjs";
import { type Engine, keepsRowsOnHost } from "./engine.ts";

/** Values of tensors on the host: a device is asked once. */
export type HostCopies = Map<tf.Tensor, Promise<tf.TypedArray>>;

/** The rows of a tensor, to be taken batch by batch. */
export interface Rows {
  /** A tensor of the rows from `begin` to before `end`, of `order` if there is one. */
  take(begin: number, end: number, order: Uint32Array | undefined): tf.Tensor;
  dispose(): void;
}

/**
 * Rows of a tensor, from the host or the device, whichever is cheaper on this backend. A column of
 * single values gets a second axis, as in tfjs.
 */
export async function tensorRows(
  engine: Engine,
  tensor: tf.Tensor,
  copies: HostCopies,
): Promise<Rows> {
  if (keepsRowsOnHost(engine) && ["float32", "int32", "bool"].includes(tensor.dtype)) {
    // On cpu this is the live storage: read, never written.
    const values = copies.get(tensor) ?? tensor.data() as Promise<tf.TypedArray>;
    copies.set(tensor, values);
    const rowShape = tensor.rank === 1 ? [1] : tensor.shape.slice(1);
    return hostRows(engine, await values, rowShape, tensor.dtype);
  }
  return deviceRows(engine, tensor);
}

/**
 * Rows from values on the host. An unshuffled pass copies nothing, a shuffled one what it takes.
 *
 * @param rowShape shape of one row
 */
export function hostRows(
  engine: Engine,
  values: tf.TypedArray,
  rowShape: number[],
  dtype: tf.DataType,
): Rows {
  const width = rowShape.reduce((size, one) => size * one, 1);
  const Values = values.constructor as new (length: number) => Float32Array;
  return {
    take: (begin, end, order) => {
      const shape = [end - begin, ...rowShape];
      if (order === undefined) {
        return engine.makeTensor(values.subarray(begin * width, end * width), shape, dtype);
      }
      const taken = new Values((end - begin) * width);
      for (let i = begin, to = 0; i < end; i++, to += width) {
        const from = order[i] * width;
        // Below some dozens of values a view costs more than it saves.
        if (width > 48) taken.set(values.subarray(from, from + width), to);
        else for (let at = 0; at < width; at++) taken[to + at] = values[from + at];
      }
      return engine.makeTensor(taken, shape, dtype);
    },
    dispose: () => {},
  };
}

function deviceRows(engine: Engine, tensor: tf.Tensor): Rows {
  const rows = engine.tidy(() =>
    engine.keep(tensor.rank === 1 ? tensor.reshape([tensor.shape[0], 1]) : tensor.clone())
  );
  return {
    take: (begin, end, order) =>
      engine.tidy(() => {
        if (order === undefined) {
          const rowShape = rows.shape.slice(1);
          return rows.slice([begin, ...rowShape.map(() => 0)], [end - begin, ...rowShape]);
        }
        const indices = Int32Array.from(order.subarray(begin, end));
        return rows.gather(engine.makeTensor(indices, [indices.length], "int32") as tf.Tensor1D);
      }),
    dispose: () => rows.dispose(),
  };
}
