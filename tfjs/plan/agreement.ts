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

  compareOutputs(compiled: tf.TypedArray, theirs: tf.TypedArray): void {
    this.#compareNorms("its output", compiled, theirs, valueTolerance);
  }

  compareGradients(compiled: Gradients, theirs: Gradients): void {
    theirs.forEach(({ name, tensor }, i) => {
      const own = compiled[i];
      if (own?.name !== name) return this.#differs(`it has no gradient of ${name}`);
      if (tensor === undefined || tensor === null || own.tensor === undefined) return;
      this.#compareNorms(
        `its gradient of ${name}`,
        own.tensor.dataSync(),
        tensor.dataSync(),
        gradientTolerance,
      );
    });
  }

  #compareNorms(
    what: string,
    compiled: tf.TypedArray,
    theirs: tf.TypedArray,
    tolerance: number,
  ): void {
    if (compiled.length !== theirs.length) {
      return this.#differs(`${what} has ${compiled.length} numbers, not ${theirs.length}`);
    }
    let norm = 0;
    let difference = 0;
    for (let i = 0; i < theirs.length; i++) {
      norm += theirs[i] ** 2;
      difference += (compiled[i] - theirs[i]) ** 2;
    }
    if (!Number.isFinite(norm) || !Number.isFinite(difference)) {
      this.#isFinite = false;
      return;
    }
    // Below that, all of it may be rounding.
    const negligible = theirs.length * 1e-12;
    if (difference <= tolerance ** 2 * norm + negligible) return;
    const relative = Math.sqrt(difference / norm).toPrecision(2);
    this.#differs(`${what} differs from that of TensorFlow.js by ${relative} of its norm`);
  }

  #differs(reason: string): void {
    if (this.reason === "") this.reason = reason;
  }
}
