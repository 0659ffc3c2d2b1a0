import type * as tf from "@tensorflow/tfjs";
import type { ModelSignature } from "./shapes.ts";

/** The rows to check, and the name of the data in messages. */
export interface TargetCheck {
  /** First row. Default: 0. */
  first?: number;
  /** Row after the last one. Default: all. */
  end?: number;
  /** Name of the targets in messages: "training y", "ys in batch 3 of the training dataset". */
  what: string;
}

/** Maximum number of checked values of a dense target, which may have hundreds of millions. */
const maxChecked = 1e6;

/**
 * Check targets for values that a loss accepts but cannot learn from. Class numbers beyond the
 * outputs are an error, as in Keras on TensorFlow. Probabilities outside 0 to 1 cause a warning.
 *
 * @param warn called with a sentence about a problem that does not end the run
 * @returns a promise if values must be read from a device
 * @throws RangeError that names the value, its row and the classes
 */
export async function checkTargets(
  ys: tf.Tensor[],
  signature: ModelSignature,
  check: TargetCheck,
  warn: (sentence: string) => void,
): Promise<void> {
  for (const [i, y] of ys.entries()) {
    if (!hasRule(signature, i)) continue;
    // On the cpu backend these are the live values; nothing is copied.
    checkValues(await y.data(), y.shape[0], signature, i, check, warn);
  }
}

/** Whether the loss of an output determines its valid targets. */
function hasRule({ lossNames, outputSizes }: ModelSignature, i: number): boolean {
  const loss = lossNames?.[i];
  return loss === "binaryCrossentropy" || loss === "categoricalCrossentropy" ||
    (loss === "sparseCategoricalCrossentropy" && typeof outputSizes?.[i] === "number");
}

function checkValues(
  values: ArrayLike<number>,
  rows: number,
  signature: ModelSignature,
  i: number,
  { what, first = 0, end = rows }: TargetCheck,
  warn: (sentence: string) => void,
): void {
  const width = values.length / rows;
  const output = signature.outputNames?.[i];
  const loss = signature.lossNames?.[i];
  if (loss === "sparseCategoricalCrossentropy") {
    const classes = signature.outputSizes?.[i] as number;
    for (let at = first * width; at < end * width; at++) {
      const value = values[at];
      if (value >= 0 && value < classes && Number.isInteger(value)) continue;
      throw new RangeError(
        `Cannot use ${what}: row ${Math.floor(at / width)} is ${value}, but ${output} has the ` +
          `classes 0 to ${classes - 1}` +
          hintOf(values, first * width, end * width, classes),
      );
    }
    return;
  }
  const last = Math.min(end * width, first * width + maxChecked);
  for (let at = first * width; at < last; at++) {
    const value = values[at];
    if (value >= 0 && value <= 1) continue;
    warn(
      `${what} contains ${value} for ${output} in row ${
        Math.floor(at / width)
      }, ${loss} needs values ` +
        `from 0 to 1`,
    );
    return;
  }
}

/** A hint for classes that are counted from 1. */
function hintOf(values: ArrayLike<number>, from: number, to: number, classes: number): string {
  for (let at = from; at < to; at++) {
    const value = values[at];
    if (!(value >= 1 && value <= classes && Number.isInteger(value))) return "";
  }
  return "; class numbers count from 0: write y.sub(1)";
}
