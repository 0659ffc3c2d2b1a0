import type * as tf from "@tensorflow/tfjs";
import type { Compiled } from "../../tfjs/compiled.ts";
import { describeValue, isTensor, type Tensors } from "./data.ts";

/** Names and shapes of a model's inputs and outputs; without targets for `predict`. */
export type ModelSignature =
  & Pick<Compiled, "inputNames" | "inputShapes">
  & Partial<
    Pick<Compiled, "batchRows" | "outputNames" | "outputSizes" | "targetShapes" | "lossNames">
  >;

/**
 * Tensors in the order of the model's inputs or outputs.
 *
 * @param what their name in messages, for example "training x"
 * @throws TypeError if one is missing, or is not a tensor
 */
export function byName(given: Tensors, names: readonly string[], what: string): tf.Tensor[] {
  if (isTensor(given)) {
    if (names.length === 1) {
      checkTensor(given, what);
      return [given];
    }
    throw new TypeError(
      `Cannot use one tensor as ${what}: the model has ${names.length}, ${names.join(", ")}`,
    );
  }
  const isPromise = typeof (given as { then?: unknown } | null)?.then === "function";
  if (typeof given !== "object" || given === null || isPromise || isValues(given)) {
    // With several inputs, an array may contain the data of each input.
    if (names.length === 1 || !Array.isArray(given) || given.length !== names.length) {
      throw new TypeError(
        `Cannot use ${what}: expected ${expectedTensors(names)}, got ${describeData(given, what)}`,
      );
    }
  }
  const list = Array.isArray(given)
    ? given
    : names.map((name) => (given as { [name: string]: tf.Tensor })[name]);
  if (list.length !== names.length) {
    throw new TypeError(
      `Cannot use ${list.length} tensors as ${what}: the model has ${names.length}, ` +
        names.join(", "),
    );
  }
  list.forEach((tensor, i) => {
    if (isTensor(tensor)) {
      checkTensor(tensor, `${what} for ${names[i]}`);
      return;
    }
    throw new TypeError(
      tensor === undefined || tensor === null
        ? `Cannot use ${what}: it lacks ${names[i]}`
        : `Cannot use ${what}: expected a tf.Tensor for ${names[i]}, got ` +
          describeData(tensor, "..."),
    );
  });
  if (!Array.isArray(given)) {
    const stranger = Object.keys(given).find((name) => !names.includes(name));
    if (stranger !== undefined) warnOfStranger(stranger, names, what);
  }
  return list;
}

/**
 * Check that a tensor has numbers.
 *
 * @throws TypeError for a tensor of text or complex numbers, and for a disposed one
 */
export function checkTensor(tensor: tf.Tensor, what: string): void {
  if (tensor.isDisposed) {
    throw new TypeError(
      `Cannot use ${what}: the tensor is disposed` +
        (/batch|xs|ys/.test(what)
          ? "; the loop disposes the tensors of a dataset after each batch: create tensors for " +
            "each batch and epoch, or yield a clone() of tensors that live longer"
          : ""),
    );
  }
  if (tensor.dtype === "string" || tensor.dtype === "complex64") {
    throw new TypeError(
      `Cannot use ${what}: expected numbers, got a tensor of dtype ${tensor.dtype}`,
    );
  }
}

const warned = new Set<string>();

/**
 * Warn about data for an unknown name, once per process, because a dataset repeats it per batch.
 */
function warnOfStranger(stranger: string, names: readonly string[], what: string): void {
  const sentence =
    `keepfit: ${what} has data for ${JSON.stringify(stranger)}, which is ignored: the ` +
    `model has ${names.join(", ")}`;
  if (!warned.has(sentence)) console.warn(sentence);
  warned.add(sentence);
}

function expectedTensors(names: readonly string[]): string {
  return names.length === 1 ? "a tf.Tensor" : `a tf.Tensor for each of ${names.join(", ")}`;
}

/** Whether data is a typed or nested array of numbers, which was not converted to a tensor. */
function isValues(data: unknown): data is ArrayLike<unknown> {
  return ArrayBuffer.isView(data) ||
    (Array.isArray(data) && data.length > 0 &&
      (["number", "boolean"].includes(typeof data[0]) || isValues(data[0])));
}

/** A description of a value that is not a tensor, with a suggestion. */
export function describeData(data: unknown, what: string): string {
  if (!isValues(data)) return describeValue(data);
  const variable = what.slice(what.lastIndexOf(" ") + 1);
  // A dataset yields single rows until it is batched.
  const batch = /s$/.test(variable) ? "batch a tf.data.Dataset with .batch(n), or " : "";
  if (ArrayBuffer.isView(data)) {
    const { length } = data as Float32Array;
    return `a ${data.constructor.name} of ${length} values; ${batch}write ` +
      `tf.tensor(${variable}, [rows, ...])`;
  }
  const shape = shapeOf(data);
  if (shape === undefined) return "a nested array whose parts differ in length";
  const make = `${batch}write tf.tensor${shape.length > 6 ? "" : `${shape.length}d`}(${variable})`;
  return shape.length === 1
    ? `an array of ${shape[0]} ${typeof data[0]}s; ${make}`
    : `a nested array of shape [${shape.join(", ")}]; ${make}`;
}

/** Lengths of a nested array, from the outermost; undefined if its parts differ in length. */
function shapeOf(data: unknown): number[] | undefined {
  const isList = (part: unknown): part is ArrayLike<unknown> =>
    Array.isArray(part) || ArrayBuffer.isView(part);
  const shape: number[] = [];
  for (let part = data; isList(part); part = part[0]) shape.push(part.length);
  // The values are not checked, because there may be millions.
  const fits = (part: unknown, axis: number): boolean =>
    isList(part) && part.length === shape[axis] &&
    (axis === shape.length - 1 || Array.from(part).every((inner) => fits(inner, axis + 1)));
  return fits(data, 0) ? shape : undefined;
}

/**
 * Check every shape against the model.
 *
 * @returns the number of rows
 * @throws RangeError that names the tensor, its shape and the expected one
 */
export function checkShapes(
  xs: tf.Tensor[],
  ys: tf.Tensor[],
  signature: ModelSignature,
  role: string,
): number {
  xs.forEach((tensor, i) => {
    checkShape(tensor, signature.inputShapes[i], `${role} x`, signature.inputNames[i]);
  });
  ys.forEach((tensor, i) => {
    const shape = signature.targetShapes?.[i];
    if (shape === undefined) return;
    const name = signature.outputNames?.[i] as string;
    checkShape(tensor, shape, `${role} y`, name, signature.lossNames?.[i]);
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
  expected: (number | null)[],
  what: string,
  name: string,
  loss?: string,
): void {
  const shape = tensor.rank === 1 ? [tensor.shape[0], 1] : tensor.shape;
  const fits = tensor.rank > 0 && shape.length === expected.length &&
    expected.every((size, axis) => axis === 0 || size === null || size === shape[axis]);
  if (fits) return;
  const sizes = ["rows", ...expected.slice(1).map((size) => size ?? "any")].join(", ");
  throw new RangeError(
    `Cannot use ${what} of shape [${tensor.shape}]: ${name} needs [${sizes}]` +
      hintOf(loss, shape, expected),
  );
}

/** Hint for targets in which class numbers and one-hot rows are confused. */
function hintOf(loss: string | undefined, shape: number[], expected: (number | null)[]): string {
  if (loss === "sparseCategoricalCrossentropy") {
    return " (class numbers, because the loss is sparseCategoricalCrossentropy)";
  }
  return loss === "categoricalCrossentropy" && shape.at(-1) === 1
    ? `; for class numbers compile with sparseCategoricalCrossentropy, or write tf.oneHot(y, ${
      expected.at(-1)
    })`
    : "";
}
