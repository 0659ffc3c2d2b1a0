import type * as tf from "@tensorflow/tfjs";
import type { FormulaName } from "./fused/formula.ts";

/**
 * Facts about an optimizer class of TensorFlow.js. The fields are private to TypeScript;
 * `ground_test.ts` pins each of them.
 */
export interface OptimizerClass {
  /** Fields with one variable per trained weight, in the order of the class's `getWeights()`. */
  slots: SlotField[];
  /** Fields with a float32 scalar that each update changes. */
  scalars: Partial<Record<ScalarField, ScalarRule>>;
  /** Keys of the class's `getConfig()`, which are also fields. */
  hyperparameters: string[];
  /** Its update in one pass over each variable. */
  fused: FusedRule;
  /** False if the class's `setWeights()` throws, as `tf.loadLayersModel` then would. */
  isLoadedByTfjs: boolean;
}

/** How an update is computed by a formula of `fused/`. */
export interface FusedRule {
  /** The formula; its arrays are the weight, the slots of the class and the gradient. */
  formula(
    optimizer: InternalOptimizer,
    backendName: string,
    scalars: Record<string, number | undefined>,
  ): FormulaName;
  /**
   * The formula's scalars in the next update, before they are rounded to float32.
   *
   * @param read returns the value of a scalar
   * @param epsilon the backend's own
   */
  scalars(
    optimizer: InternalOptimizer,
    read: ReadScalar,
    epsilon: number,
  ): Record<string, number | undefined>;
  /** New values of the scalars that change with each update. */
  next?(optimizer: InternalOptimizer, read: ReadScalar): Partial<Record<ScalarField, number>>;
}

type ReadScalar = (scalar: tf.Tensor | undefined) => number;

/** A list of slots. */
export type SlotField =
  | "accumulations"
  | "accumulatedFirstMoment"
  | "accumulatedSecondMoment"
  | "accumulatedWeightedInfNorm"
  | "accumulatedGrads"
  | "accumulatedUpdates"
  | "accumulatedMeanSquares"
  | "accumulatedMoments"
  | "accumulatedMeanGrads";

/** A scalar. */
export type ScalarField = "accBeta1" | "accBeta2" | "iteration";

/** The value of a scalar after a number of updates, for states saved without it. */
export type ScalarRule = (optimizer: InternalOptimizer, iterations: number) => number;

/** A slot of a trained weight. */
export interface Slot {
  /** Name of the trained variable and the slot: `dense_Dense1/kernel/m`. */
  originalName: string;
  variable: tf.Variable;
}

/** An optimizer with fields private to TypeScript. */
export type InternalOptimizer =
  & tf.Optimizer
  & { iterations_?: number; learningRate?: number; centered?: boolean }
  & { beta1?: number; beta2?: number; epsilon?: number; decay?: number; rho?: number }
  & { momentum?: number; useNesterov?: boolean; c?: tf.Tensor; m?: tf.Tensor }
  & { [field in SlotField]?: Slot[] }
  & { [field in ScalarField]?: tf.Variable };

interface OptimizerConstructor {
  className?: string;
  prototype: tf.Optimizer;
}

const powerOf = (beta: "beta1" | "beta2"): ScalarRule => (optimizer, iterations) =>
  powerAfter(Number(optimizer[beta]), iterations);

const { fround } = Math;

// The arithmetic of the updates outside their kernels. Anything but a number gives NaN.
const negative = (value: unknown): number => -(value as number);
const rest = (value: unknown): number => 1 - (value as number);
const product = (left: unknown, right: unknown): number =>
  fround(fround(left as number) * fround(right as number));
const quotient = (left: unknown, right: unknown): number =>
  fround(fround(left as number) / fround(right as number));

/** The largest subnormal number up to which rounding undoes a multiplication by `factor`. */
function largestStuck(factor: unknown): number {
  // As a multiple of the smallest number: n * factor rounds to n.
  const change = Math.abs(1 - fround(factor as number));
  const n = change < 0.5 ? Math.min(Math.ceil(0.5 / change) - 1, 2 ** 23 - 1) : 0;
  return n * 2 ** -149;
}

/**
 * The least weight that no update by a subnormal average changes, because it is less than half of the
 * distance to the next number. NaN if there is none.
 */
function leastWeight(rate: unknown, epsilon: unknown): number {
  // As the kernels have them: both may round to 0 or Infinity.
  const divisor = fround(epsilon as number);
  const largestUpdate = 2 ** -126 / divisor * Math.abs(fround(rate as number));
  const weight = fround(Math.max(2 ** 27 * largestUpdate, 2 ** -100));
  return divisor > 0 && weight < Infinity ? weight : NaN;
}

/** The optimizers of TensorFlow.js by the static `className` of their class. */
export const optimizerClasses: Readonly<Record<string, OptimizerClass>> = {
  SGD: {
    slots: [],
    scalars: {},
    hyperparameters: ["learningRate"],
    fused: {
      formula: () => "sgd",
      scalars: ({ c }, read) => ({ negativeRate: read(c) }),
    },
    isLoadedByTfjs: true,
  },
  Momentum: {
    slots: ["accumulations"],
    scalars: {},
    hyperparameters: ["learningRate", "momentum", "useNesterov"],
    fused: {
      formula: ({ useNesterov }) => useNesterov ? "nesterov" : "momentum",
      scalars: ({ c, m }, read) => ({ negativeRate: read(c), momentum: read(m) }),
    },
    isLoadedByTfjs: true,
  },
  Adagrad: {
    slots: ["accumulatedGrads"],
    scalars: {},
    hyperparameters: ["learningRate", "initialAccumulatorValue"],
    fused: {
      formula: () => "adagrad",
      scalars: ({ learningRate }, _read, epsilon) => ({
        negativeRate: negative(learningRate),
        epsilon,
      }),
    },
    isLoadedByTfjs: true,
  },
  Adadelta: {
    slots: ["accumulatedGrads", "accumulatedUpdates"],
    scalars: {},
    hyperparameters: ["learningRate", "rho", "epsilon"],
    fused: {
      formula: () => "adadelta",
      scalars: ({ learningRate, rho, epsilon }) => ({
        negativeRate: negative(learningRate),
        rho,
        otherRho: rest(rho),
        epsilon,
      }),
    },
    isLoadedByTfjs: true,
  },
  RMSProp: {
    // The last one stays empty unless the optimizer is centered.
    slots: ["accumulatedMeanSquares", "accumulatedMoments", "accumulatedMeanGrads"],
    scalars: {},
    hyperparameters: ["learningRate", "decay", "momentum", "epsilon", "centered"],
    fused: {
      formula: ({ centered }) => centered ? "centeredRMSProp" : "rmsProp",
      scalars: ({ learningRate, decay, momentum, epsilon }) => ({
        rate: learningRate,
        decay,
        otherDecay: rest(decay),
        momentum,
        epsilon,
        // Adding a subnormal number does not change such an epsilon.
        largestStuck: Number(epsilon) >= 2 ** -100 ? largestStuck(decay) : 0,
      }),
    },
    isLoadedByTfjs: true,
  },
  Adam: {
    slots: ["accumulatedFirstMoment", "accumulatedSecondMoment"],
    scalars: { accBeta1: powerOf("beta1"), accBeta2: powerOf("beta2") },
    hyperparameters: ["learningRate", "beta1", "beta2", "epsilon"],
    fused: {
      formula(_optimizer, backendName, { correction1, correction2 }) {
        // A device would compile another shader.
        if (backendName === "webgpu" || fround(Number(correction1)) !== 1) return "adam";
        return fround(Number(correction2)) === 1 ? "adamBothAre1" : "adamFirstIs1";
      },
      scalars: ({ learningRate, beta1, beta2, epsilon, accBeta1, accBeta2 }, read) => ({
        negativeRate: negative(learningRate),
        beta1,
        otherBeta1: rest(beta1),
        beta2,
        otherBeta2: rest(beta2),
        epsilon,
        correction1: rest(read(accBeta1)),
        correction2: rest(read(accBeta2)),
        largestStuck: largestStuck(beta1),
        leastWeight: leastWeight(learningRate, epsilon),
      }),
      next: ({ beta1, beta2, accBeta1, accBeta2 }, read) => ({
        accBeta1: product(read(accBeta1), beta1),
        accBeta2: product(read(accBeta2), beta2),
      }),
    },
    isLoadedByTfjs: true,
  },
  Adamax: {
    slots: ["accumulatedFirstMoment", "accumulatedWeightedInfNorm"],
    scalars: {
      accBeta1: powerOf("beta1"),
      iteration: (_optimizer, iterations) => iterations,
    },
    hyperparameters: ["learningRate", "beta1", "beta2", "epsilon", "decay"],
    fused: {
      formula: (_optimizer, backendName) => backendName === "wasm" ? "adamaxOnWasm" : "adamax",
      scalars({ learningRate, beta1, beta2, epsilon, decay, accBeta1, iteration }, read) {
        const correctedRate = quotient(
          quotient(negative(learningRate), fround(product(read(iteration), decay) + 1)),
          fround(rest(read(accBeta1))),
        );
        return {
          correctedRate,
          beta1,
          otherBeta1: rest(beta1),
          beta2,
          epsilon,
          largestStuck: largestStuck(beta1),
          leastWeight: leastWeight(correctedRate, epsilon),
        };
      },
      next: ({ beta1, accBeta1, iteration }, read) => ({
        iteration: read(iteration) + 1,
        accBeta1: product(read(accBeta1), beta1),
      }),
    },
    isLoadedByTfjs: false,
  },
};

/**
 * The facts about an optimizer; undefined for a custom optimizer, which is used only through
 * `getWeights()` and `setWeights()`. A subclass of a TensorFlow.js optimizer counts as that class
 * unless it overrides `getWeights()`.
 */
export function optimizerClassOf(optimizer: tf.Optimizer): OptimizerClass | undefined {
  const { name, base } = ancestryOf(optimizer);
  if (name === undefined || optimizer.getWeights !== base?.prototype.getWeights) return undefined;
  const found = optimizerClasses[name];
  const internals = optimizer as InternalOptimizer;
  return found.slots.every((field) => Array.isArray(internals[field])) ? found : undefined;
}

/** Whether an optimizer inherits the update of its TensorFlow.js class; what wraps it aside. */
export function usesUpdateOfTfjs(optimizer: tf.Optimizer): boolean {
  const { base } = ancestryOf(optimizer);
  const inherited = Object.getPrototypeOf(optimizer) as tf.Optimizer;
  return base !== undefined && Object.hasOwn(base.prototype, "applyGradients") &&
    inherited.applyGradients === base.prototype.applyGradients;
}

/** The name of an optimizer's class in the table, and the class of TensorFlow.js that has it. */
interface Ancestry {
  name?: string;
  base?: OptimizerConstructor;
}

const ancestries = new WeakMap<OptimizerConstructor, Ancestry>();

function ancestryOf(optimizer: tf.Optimizer): Ancestry {
  const type = optimizer.constructor as unknown as OptimizerConstructor;
  let known = ancestries.get(type);
  if (known === undefined) ancestries.set(type, known = findAncestry(type));
  return known;
}

function findAncestry(last: OptimizerConstructor): Ancestry {
  let name: string | undefined;
  // A subclass inherits the name.
  let base: OptimizerConstructor | undefined;
  for (
    let type: OptimizerConstructor | null = last;
    type !== null;
    type = Object.getPrototypeOf(type) as OptimizerConstructor | null
  ) {
    if (name === undefined && Object.hasOwn(optimizerClasses, String(type.className))) {
      name = type.className;
    }
    if (name !== undefined && type.className === name) base = type;
  }
  return { name, base };
}

/** The fields in which this optimizer instance keeps slots. */
export function slotFieldsOf(optimizer: tf.Optimizer, { slots }: OptimizerClass): SlotField[] {
  const { centered } = optimizer as InternalOptimizer;
  return slots.filter((field) => field !== "accumulatedMeanGrads" || centered);
}

/**
 * The optimizer of a compiled model, or the one that was passed.
 *
 * @param action action for the error message
 * @throws TypeError when there is no optimizer
 */
export function optimizerOf(
  optimizerOrModel: tf.Optimizer | tf.LayersModel,
  action: string,
): InternalOptimizer {
  const given = optimizerOrModel as { optimizer?: unknown; applyGradients?: unknown } | null;
  const optimizer = typeof given?.applyGradients === "function" ? given : given?.optimizer;
  if (typeof (optimizer as Partial<tf.Optimizer> | undefined)?.getClassName !== "function") {
    throw new TypeError(
      `Cannot ${action}: there is no tfjs optimizer; compile the model first`,
    );
  }
  return optimizer as InternalOptimizer;
}

/** A power of beta as the updates compute it: a float32 product each; `pow` rounds differently. */
function powerAfter(beta: number, iterations: number): number {
  const factor = Math.fround(beta);
  let power = factor;
  for (let step = 0, last = NaN; step < iterations && power !== last; step++) {
    last = power;
    power = Math.fround(power * factor);
  }
  return power;
}
