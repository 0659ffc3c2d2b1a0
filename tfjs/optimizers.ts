import type * as tf from "@tensorflow/tfjs";

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
  /** False if the class's `setWeights()` throws, as `tf.loadLayersModel` then would. */
  isLoadedByTfjs: boolean;
}

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
  & { beta1?: number; beta2?: number }
  & { [field in SlotField]?: Slot[] }
  & { [field in ScalarField]?: tf.Variable };

interface OptimizerConstructor {
  className?: string;
  prototype: tf.Optimizer;
}

const powerOf = (beta: "beta1" | "beta2"): ScalarRule => (optimizer, iterations) =>
  powerAfter(Number(optimizer[beta]), iterations);

/** The optimizers of TensorFlow.js by the static `className` of their class. */
export const optimizerClasses: Readonly<Record<string, OptimizerClass>> = {
  SGD: {
    slots: [],
    scalars: {},
    hyperparameters: ["learningRate"],
    isLoadedByTfjs: true,
  },
  Momentum: {
    slots: ["accumulations"],
    scalars: {},
    hyperparameters: ["learningRate", "momentum", "useNesterov"],
    isLoadedByTfjs: true,
  },
  Adagrad: {
    slots: ["accumulatedGrads"],
    scalars: {},
    hyperparameters: ["learningRate", "initialAccumulatorValue"],
    isLoadedByTfjs: true,
  },
  Adadelta: {
    slots: ["accumulatedGrads", "accumulatedUpdates"],
    scalars: {},
    hyperparameters: ["learningRate", "rho", "epsilon"],
    isLoadedByTfjs: true,
  },
  RMSProp: {
    // The last one stays empty unless the optimizer is centered.
    slots: ["accumulatedMeanSquares", "accumulatedMoments", "accumulatedMeanGrads"],
    scalars: {},
    hyperparameters: ["learningRate", "decay", "momentum", "epsilon", "centered"],
    isLoadedByTfjs: true,
  },
  Adam: {
    slots: ["accumulatedFirstMoment", "accumulatedSecondMoment"],
    scalars: { accBeta1: powerOf("beta1"), accBeta2: powerOf("beta2") },
    hyperparameters: ["learningRate", "beta1", "beta2", "epsilon"],
    isLoadedByTfjs: true,
  },
  Adamax: {
    slots: ["accumulatedFirstMoment", "accumulatedWeightedInfNorm"],
    scalars: {
      accBeta1: powerOf("beta1"),
      iteration: (_optimizer, iterations) => iterations,
    },
    hyperparameters: ["learningRate", "beta1", "beta2", "epsilon", "decay"],
    isLoadedByTfjs: false,
  },
};

/**
 * The facts about an optimizer; undefined for a custom optimizer, which is used only through
 * `getWeights()` and `setWeights()`. A subclass of a TensorFlow.js optimizer counts as that class
 * unless it overrides `getWeights()`.
 */
export function optimizerClassOf(optimizer: tf.Optimizer): OptimizerClass | undefined {
  let name: string | undefined;
  // The class of TensorFlow.js itself; a subclass inherits its name.
  let base: OptimizerConstructor | undefined;
  let type = optimizer.constructor as unknown as OptimizerConstructor | null;
  for (; type !== null; type = Object.getPrototypeOf(type)) {
    if (name === undefined && Object.hasOwn(optimizerClasses, String(type.className))) {
      name = type.className;
    }
    if (name !== undefined && type.className === name) base = type;
  }
  if (name === undefined || optimizer.getWeights !== base?.prototype.getWeights) return undefined;
  const found = optimizerClasses[name];
  const internals = optimizer as InternalOptimizer;
  return found.slots.every((field) => Array.isArray(internals[field])) ? found : undefined;
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
