import type * as tf from "@tensorflow/tfjs";

type Gradients = readonly { name: string; tensor: tf.Tensor | undefined }[];

/** Relative tolerance of losses, metrics and outputs. */
const valueTolerance = 1e-3;
/**
 * Relative tolerance of the norms of gradients. Rounding across a kink, such as relu's, changes a
 * few values of a gradient; wrong arithmetic changes most of them.
 */
const gradientTolerance = 1e-2;

/**
 * Compares the results of a compiled step with those of TensorFlow.js. It detects layers whose
 * class name is misleading, and changes of TensorFlow.js. The tests check exactness.
 */
export class Agreement {
  /** Description of the first difference. Default: empty. */
  reason = "";
  #isFinite = true;

  /** Whether the results agree; undefined if values that are not finite prevent an answer. */
  verdict(): boolean | undefined {
    if (this.reason !== "") return false;
    return this.#isFinite ? true : undefined;
  }

  /**
   * Compare a loss or metric.
   *
   * @param allowed additional absolute tolerance. Default: 0
   */
  compareNumbers(what: string, compiled: number, theirs: number, allowed = 0): void {
    if (!Number.isFinite(theirs) || !Number.isFinite(compiled)) this.#isFinite = false;
    else if (
      Math.abs(compiled - theirs) > valueTolerance * Math.max(1, Math.abs(theirs)) + allowed
    ) this.#fail(`${what} is ${compiled}, not ${theirs}`);
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
      if (own?.name !== name) return this.#fail(`it has no gradient of ${name}`);
      if (tensor === undefined || tensor === null || own.tensor === undefined) return;
      compared.push({ name, norms: normsOf(own.tensor.dataSync(), tensor.dataSync()) });
    });
    // Below a normalization, a gradient may be nothing but the rounding errors of the others.
    const largest = Math.max(...compared.map(({ norms: { norm, count } }) => norm / count), 0);
    const negligible = Math.max(largest * 1e-8, 1e-12);
    for (const { name, norms } of compared) {
      this.#compareNorms(`its gradient of ${name}`, norms, gradientTolerance, negligible);
    }
  }

  /** @param negligible mean square of a difference that rounding alone may cause */
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
      this.#fail(`${what} differs from that of TensorFlow.js by ${relative} of its norm`);
    }
  }

  #fail(reason: string): void {
    if (this.reason === "") this.reason = reason;
  }
}

interface Norms {
  /** Sum of squares of TensorFlow.js's values. */
  norm: number;
  /** Sum of squares of the differences. */
  difference: number;
  count: number;
}

function normsOf(compiled: tf.TypedArray, theirs: tf.TypedArray): Norms {
  let norm = 0;
  // Arrays of different lengths never agree.
  let difference = compiled.length === theirs.length ? 0 : Number.MAX_VALUE;
  for (let i = 0; i < theirs.length; i++) {
    norm += theirs[i] ** 2;
    difference += (compiled[i] - theirs[i]) ** 2;
  }
  return { norm, difference, count: theirs.length };
}

/** Number of steps to remember; the oldest is forgotten first. */
const remembered = 1000;
const agreed = new WeakMap<object, Set<string>>();

/** Whether an equal step agreed with TensorFlow.js on this backend before, in this process. */
export function hasAgreed(backend: object, step: string): boolean {
  return agreed.get(backend)?.has(step) ?? false;
}

/**
 * Remember that a step agrees with TensorFlow.js on this backend.
 *
 * @param step everything that decides what it computes, as text
 */
export function rememberAgreement(backend: object, step: string): void {
  let steps = agreed.get(backend);
  if (steps === undefined) agreed.set(backend, steps = new Set());
  steps.add(step);
  if (steps.size > remembered) steps.delete(steps.values().next().value as string);
}
