import { type Activation, planActivation } from "../activations.ts";
import type { Value } from "../graph.ts";
import { PlanError } from "../plan_error.ts";

/** Layers whose first operation on int32 is one with float32, by the `className`. */
const converting = new Set([
  ...["Bidirectional", "Dense", "Embedding", "GRU", "LSTM", "SimpleRNN"],
  ...["GlobalAveragePooling1D", "GlobalAveragePooling2D", "Rescaling"],
  ...["LeakyReLU", "PReLU", "ThresholdedReLU"],
  // It plans the layer inside, which is checked.
  "TimeDistributed",
]);

/** Layers that pass numbers on, so that int32 stays exact. */
const passing = new Set([
  ...["Concatenate", "Cropping2D", "Flatten", "InputLayer", "Masking", "Maximum", "Minimum"],
  ...["Permute", "RepeatVector", "Reshape", "UpSampling2D", "ZeroPadding2D"],
  ...["AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D"],
  ...["GlobalMaxPooling1D", "GlobalMaxPooling2D"],
]);

/** Activations of each kind. */
const convertingActivations = new Set(["hardSigmoid", "logSoftmax", "relu6", "softsign", "swish"]);
const passingActivations = new Set(["linear", "relu"]);

/**
 * Check that a layer computes the same from the whole numbers of int32 inputs as TensorFlow.js,
 * whose other kernels round, overflow or fail. Marks outputs that are whole too.
 *
 * @param name `className` of the layer
 * @throws PlanError if it does not
 */
export function checkWhole(
  name: string,
  layer: object,
  inputs: readonly Value[],
  outputs: readonly Value[],
): void {
  const whole = inputs.filter(({ data }) => data.isWhole);
  if (whole.length === 0) return;
  const activation = activationOf(name, layer);
  const isConverted = activation === undefined
    ? converting.has(name)
    : convertingActivations.has(activation);
  if (isConverted) return;
  const isPassed = activation === undefined
    ? passing.has(name)
    : passingActivations.has(activation);
  if (!isPassed || whole.length < inputs.length) {
    throw new PlanError("TensorFlow.js computes it with int32; declare the input as float32");
  }
  for (const { data } of outputs) data.isWhole = true;
}

/** Name of the activation of a layer that computes nothing else. */
function activationOf(
  name: string,
  layer: { activation?: Activation; maxValue?: number | null },
): string | undefined {
  if (name === "Activation") return planActivation(layer.activation)?.name ?? "linear";
  return name === "ReLU" && (layer.maxValue ?? undefined) === undefined ? "relu" : undefined;
}
