import {
  type HostWeight,
  readTensors,
  type TrainableModel,
  type WeightTensor,
} from "../../../core/model.ts";

/** Rows that a plugin with the control `evaluate` may have the model's outputs for. */
export interface PluginData {
  /** Inputs: a tensor of shape [rows, ...], or one for each input of the model. */
  x: WeightTensor | WeightTensor[];
  /** What is true of these rows: a tensor for each output. */
  y: WeightTensor | WeightTensor[];
  /** Rows of a batch. Default: 128. */
  batchSize?: number;
}

/** What the model says of the rows, and what is true. */
export interface PluginEvaluation {
  /** One for each output of the model. */
  outputs: HostWeight[];
  /** One for each tensor of `y`. */
  targets: HostWeight[];
}

/** A model that predicts, as TensorFlow.js's do. */
interface Predictor extends TrainableModel {
  predict(
    x: WeightTensor | WeightTensor[],
    options: { batchSize: number },
  ): WeightTensor | WeightTensor[];
}

/**
 * Make what evaluates a model on the data that the user gives.
 *
 * @returns a function that reads all outputs to the host; the targets are read once
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
      targets ??= readTensors([y].flat());
      return { outputs: await readTensors(outputs), targets: await targets };
    } finally {
      for (const output of outputs) output.dispose();
    }
  };
}
