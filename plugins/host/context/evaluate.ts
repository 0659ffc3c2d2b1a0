import {
  type HostWeight,
  readTensors,
  type TrainableModel,
  type WeightTensor,
} from "../../../core/model.ts";

/** Data on which a plugin with the control `evaluate` may evaluate the model. */
export interface PluginData {
  /** Inputs: a tensor of shape [rows, ...], or one for each input of the model. */
  x: WeightTensor | WeightTensor[];
  /** Targets: a tensor for each output. */
  y: WeightTensor | WeightTensor[];
  /** Batch size in rows. Default: 128. */
  batchSize?: number;
}

/** Outputs of the model and targets. */
export interface PluginEvaluation {
  /** A tensor for each output of the model. */
  outputs: HostWeight[];
  /** A tensor for each tensor of `y`. */
  targets: HostWeight[];
}

/** A model with `predict`, such as a TensorFlow.js model. */
interface Predictor extends TrainableModel {
  predict(
    x: WeightTensor | WeightTensor[],
    options: { batchSize: number },
  ): WeightTensor | WeightTensor[];
}

/**
 * Create a function that evaluates a model on the user's data.
 *
 * @returns a function that reads all outputs to the host; the targets are read once, and each call
 * gets a copy
 */
export function evaluator({ x, y, batchSize = 128 }: PluginData): (
  model: TrainableModel,
) => Promise<PluginEvaluation> {
  let targets: Promise<HostWeight[]> | undefined;
  return async (model) => {
    if (typeof (model as Partial<Predictor>).predict !== "function") {
      throw new TypeError("Cannot evaluate the model: it has no predict()");
    }
    const outputs = [(model as Predictor).predict(x, { batchSize })].flat();
    try {
      const read = await readTensors(outputs);
      targets ??= readTensors([y].flat());
      return { outputs: read, targets: (await targets).map(copyOf) };
    } finally {
      for (const output of outputs) output.dispose();
    }
  };
}

function copyOf({ shape, values, ...rest }: HostWeight): HostWeight {
  return { ...rest, shape: shape.slice(), values: values.slice() as typeof values };
}
