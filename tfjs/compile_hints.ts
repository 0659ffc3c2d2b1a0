import type * as tfjs from "@tensorflow/tfjs";
import { didYouMean } from "../core/unknown_option.ts";

/**
 * Add the nearest name to the error with which `model.compile` rejects an optimizer, a loss or a
 * metric: `Unknown loss categorical_crossentropy: did you mean 'categoricalCrossentropy'?`. Nothing
 * else about `compile` changes.
 *
 * @param tf the TensorFlow.js that the models are made with; no effect without tfjs-layers
 */
export function explainUnknownNames(tf: typeof tfjs): void {
  for (const model of [tf.LayersModel, tf.Sequential]) {
    const prototype: { compile(args: tfjs.ModelCompileArgs): void } | undefined = model?.prototype;
    if (prototype === undefined || !Object.hasOwn(prototype, "compile")) continue;
    const { compile } = prototype;
    if (explaining.has(compile)) continue;
    prototype.compile = function (args) {
      try {
        compile.call(this, args);
      } catch (error) {
        if (error instanceof Error) error.message = withHint(error.message);
        throw error;
      }
    };
    explaining.add(prototype.compile);
  }
}

const explaining = new WeakSet<object>();

function withHint(message: string): string {
  const [, kind, name] = /^Unknown (loss|metric|Optimizer) (\S+)$/.exec(message) ?? [];
  if (kind === undefined) return message;
  const hint = keras[name.toLowerCase()];
  const names = namesOf[kind as keyof typeof namesOf];
  return `${message}: ${
    hint !== undefined && names.includes(hint) ? `did you mean '${hint}'?` : didYouMean(name, names)
  }`;
}

const losses = [
  "meanSquaredError",
  "meanAbsoluteError",
  "meanAbsolutePercentageError",
  "meanSquaredLogarithmicError",
  "squaredHinge",
  "hinge",
  "categoricalHinge",
  "logcosh",
  "categoricalCrossentropy",
  "sparseCategoricalCrossentropy",
  "binaryCrossentropy",
  "kullbackLeiblerDivergence",
  "poisson",
  "cosineProximity",
];

/** Names accepted by `compile`. compile_hints_test.ts compares them with TensorFlow.js. */
export const namesOf = {
  loss: losses,
  metric: [
    "accuracy",
    "acc",
    "crossentropy",
    "ce",
    "binaryAccuracy",
    "categoricalAccuracy",
    "precision",
    "categoricalCrossentropy",
    "sparseCategoricalCrossentropy",
    "mse",
    "MSE",
    "mae",
    "MAE",
    "mape",
    "MAPE",
    "cosine",
  ],
  Optimizer: ["sgd", "adagrad", "adadelta", "adam", "adamax", "rmsprop"],
};

/** Short names of Keras that differ too much from those of TensorFlow.js to be found. */
const keras: Record<string, string> = {
  mse: "meanSquaredError",
  mae: "meanAbsoluteError",
  mape: "meanAbsolutePercentageError",
  msle: "meanSquaredLogarithmicError",
  bce: "binaryCrossentropy",
  kld: "kullbackLeiblerDivergence",
  kl_divergence: "kullbackLeiblerDivergence",
  cosine_similarity: "cosineProximity",
  mean_squared_error: "mse",
  mean_absolute_error: "mae",
};
