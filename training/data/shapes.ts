import type * as tf from "@tensorflow/tfjs";
import type { Compiled } from "../../tfjs/compiled.ts";
import { isTensor, type Tensors } from "./data.ts";

/** What a model wants of its data; targets are left out where only outputs are wanted. */
export type Wanted =
  & Pick<Compiled, "inputNames" | "inputShapes">
  & Partial<Pick<Compiled, "outputNames" | "targetShapes" | "isSparse">>;

/**
 * Tensors in the order of the model's inputs or outputs.
 *
 * @param what how messages call them, for example "training x"
 * @throws TypeError when one is missing, or is no tensor
 */
export function byName(given: Tensors, names: readonly string[], what: string): tf.Tensor[] {
  if (isTensor(given)) {
    if (names.length === 1) return [given];
    throw new TypeError(
      `Cannot use one tensor as ${what}: the model has ${names.length}, ${names.join(", ")}`,
    );
  }
  if (typeof given !== "object" || given === null) {
    throw new TypeError(`Cannot use ${String(given)} as ${what}: a tf.Tensor is needed`);
  }
  if (Array.isArray(given) && typeof given[0] === "number") {
    throw new TypeError(
      `Cannot use an array of numbers as ${what}: a tf.Tensor is needed; a tf.data.Dataset gives ` +
        `tensors after .batch(n)`,
    );
  }
  const list = Array.isArray(given) ? given : names.map((name) => given[name]);
  if (list.length !== names.length) {
    throw new TypeError(
      `Cannot use ${list.length} tensors as ${what}: the model has ${names.length}, ` +
        names.join(", "),
    );
  }
  list.forEach((tensor, i) => {
    if (isTensor(tensor)) return;
    throw new TypeError(
      tensor === undefined || tensor === null
        ? `Cannot use ${what}: nothing was given for ${names[i]}`
        : `Cannot use ${what}: ${names[i]} must be a tf.Tensor, got ${typeof tensor}`,
    );
  });
  return list;
}

/**
 * Check every shape against the model.
 *
 * @returns the number of rows
 * @throws RangeError that names the tensor, its shape and the one that is needed
 */
export function checkShapes(
  xs: tf.Tensor[],
  ys: tf.Tensor[],
  wanted: Wanted,
  role: string,
): number {
  xs.forEach((tensor, i) => {
    checkShape(tensor, wanted.inputShapes[i], `${role} x`, wanted.inputNames[i]);
  });
  ys.forEach((tensor, i) => {
    const shape = wanted.targetShapes?.[i];
    if (shape === undefined) return;
    const name = wanted.outputNames?.[i] as string;
    checkShape(tensor, shape, `${role} y`, name, wanted.isSparse?.[i]);
  });
  const all = [...xs, ...ys];
  const rows = all[0].shape[0];
  const other = all.find((tensor) => tensor.shape[0] !== rows);
  if (other !== undefined) {
    throw new RangeError(
      `Cannot use ${role} data of different lengths: the first x has ${rows} rows, another ` +
        `tensor has ${other.shape[0]} (shapes ${all.map(({ shape }) => `[${shape}]`).join(" ")})`,
    );
  }
  return rows;
}

function checkShape(
  tensor: tf.Tensor,
  wanted: (number | null)[],
  what: string,
  name: string,
  isSparse = false,
): void {
  const shape = tensor.rank === 1 ? [tensor.shape[0], 1] : tensor.shape;
  const fits = tensor.rank > 0 && shape.length === wanted.length &&
    wanted.every((size, axis) => axis === 0 || size === null || size === shape[axis]);
  if (fits) return;
  const sizes = ["rows", ...wanted.slice(1).map((size) => size ?? "any")].join(", ");
  throw new RangeError(
    `Cannot use ${what} of shape [${tensor.shape}]: ${name} needs [${sizes}]` +
      (isSparse ? " (class numbers, because the loss is sparseCategoricalCrossentropy)" : ""),
  );
}
