import type * as tf from "@tensorflow/tfjs";
import type { ModelSignature } from "./shapes.ts";

/** Which rows to look at, and how messages call the data. */
export interface TargetCheck {
  /** First row. Default: 0. */
  first?: number;
  /** Row to stop before. Default: all. */
  end?: number;
  /** What the targets are, for messages: "training y", "ys in batch 3 of the training dataset". */
  what: string;
}

/** Values of a dense target that are looked at: there may be hundreds of millions. */
const looked = 1e6;

/**
 * Check targets for values that the loss takes in silence and learns nothing right from: class
 * numbers that the output does not have, which are an error as in Keras on TensorFlow, and
 * probabilities outside 0 to 1, which are warned about.
 *
 * @param warn called with a sentence about what can go on
 * @returns a promise where values must be read from a device
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
    // On the cpu backend this is the live storage: nothing is copied.
    checkValues(await y.data(), y.shape[0], signature, i, check, warn);
  }
}

/** True for an output whose loss says which targets there are. */
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
        `Cannot use ${what}: row ${Math.floor(at / width)} holds ${value}, ${output} has the ` +
          `classes 0 to ${classes - 1}` + hintOf(values, first * width, end * width, classes),
      );
    }
    return;
  }
  const last = Math.min(end * width, first * width + looked);
  for (let at = first * width; at < last; at++) {
    const value = values[at];
    if (value >= 0 && value <= 1) continue;
    warn(
      `${what} holds ${value} for ${output} in row ${
        Math.floor(at / width)
      }, ${loss} needs values ` +
        `from 0 to 1`,
    );
    return;
  }
}

/** The classic mistake: classes that count from 1. */
function hintOf(values: ArrayLike<number>, from: number, to: number, classes: number): string {
  for (let at = from; at < to; at++) if (!(values[at] >= 1 && values[at] <= classes)) return "";
  return "; class numbers count from 0: write y.sub(1)";
}
