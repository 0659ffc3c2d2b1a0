import type * as tf from "@tensorflow/tfjs";

type Gradients = readonly { name: string; tensor: tf.Tensor | undefined }[];

/** Relative difference of losses, metrics and outputs that rounding may make. */
const valueTolerance = 1e-3;
/**
 * Relative difference of gradients, by their norms. A rounded number that is on the other side of a
 * kink, such as relu's, changes single gradients, wrong arithmetic most of them.
 */
const gradientTolerance = 1e-2;

/**
 * Compares what a compiled step computes with what TensorFlow.js does. It finds layers that are not
 * what they seem, such as those of a changed TensorFlow.js; exactness is for tests.
 */
export class Agreement {
  /** The first difference. Default: empty. */
  reason = "";
  #isFinite = true;

  /** Whether they agree; undefined when numbers that are not finite allow no answer. */
  verdict(): boolean | undefined {
    if (this.reason !== "") return false;
    return this.#isFinite ? true : undefined;
  }

  /** Compare a number, with an additional difference that is allowed. */
  compareNumbers(what: string, compiled: number, theirs: number, allowed = 0): void {
    if (!Number.isFinite(theirs) || !Number.isFinite(compiled)) this.#isFinite = false;
    else if (
      Math.abs(compiled - theirs) > valueTolerance * Math.max(1, Math.abs(theirs)) + allowed
    ) this.#differs(`${what} is ${compiled}, not ${theirs}`);
  }

  /** Compare an output of the model. */
  compareOutputs(compiled: tf.TypedArray, theirs: tf.TypedArray): void {
    const norms = normsOf(compiled, theirs);
    this.#compareNorms("its output", norms, valueTolerance, 1e-12);
  }

  /** Compare the gradients of all weights. */
  compareGradients(compiled: Gradients, theirs: Gradients): void {
    const compared: { name: string; norms: Norms }[] = [];
    theirs.forEach(({ name, tensor }, i) => {
      const own = compiled[i];
      if (own?.name !== name) return this.#differs(`it has no gradient of ${name}`);
      if (tensor === undefined || tensor === null || own.tensor === undefined) return;
      compared.push({ name, norms: normsOf(own.tensor.dataSync(), tensor.dataSync()) });
    });
    // Below a normalization, a gradient may be 0 but for rounding, which depends on the others.
    const largest = Math.max(...compared.map(({ norms: { norm, count } }) => norm / count), 0);
    const negligible = Math.max(largest * 1e-8, 1e-12);
    for (const { name, norms } of compared) {
      this.#compareNorms(`its gradient of ${name}`, norms, gradientTolerance, negligible);
    }
  }

  /** @param negligible mean square of a difference that may be rounding alone */
  #compareNorms(
    what: string,
    { norm, difference, count }: Norms,
    tolerance: number,
    negligible: number,
  ): void {
    if (!Number.isFinite(norm) || !Number.isFinite(difference)) {
      this.#isFinite = false;
    } else if (difference > tolerance ** 2 * norm + count * negligible) {
      const relative = Math.sqrt(difference / norm).toPrecision(2);
      this.#differs(`${what} differs from that of TensorFlow.js by ${relative} of its norm`);
    }
  }

  #differs(reason: string): void {
    if (this.reason === "") this.reason = reason;
  }
}

interface Norms {
  /** Sum of the squares of TensorFlow.js's numbers. */
  norm: number;
  /** Sum of the squares of the differences. */
  difference: number;
  count: number;
}

function normsOf(compiled: tf.TypedArray, theirs: tf.TypedArray): Norms {
  let norm = 0;
  // Arrays of other lengths differ as a whole.
  let difference = compiled.length === theirs.length ? 0 : Number.MAX_VALUE;
  for (let i = 0; i < theirs.length; i++) {
    norm += theirs[i] ** 2;
    difference += (compiled[i] - theirs[i]) ** 2;
  }
  return { norm, difference, count: theirs.length };
}
