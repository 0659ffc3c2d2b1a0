/**
 * Keras-style training callbacks for TensorFlow.js on Deno, Bun and Node.
 *
 * @module
 */
export * from "./core/callback.ts";
export {
  CallbackList,
  type CallbackListOptions,
  type CallbacksArgument,
} from "./core/callback_list.ts";
export { CallbackError, type CallbackErrorCode, type CallbackErrorContext } from "./core/errors.ts";
export { type CallbackFailure, History, type HookTiming } from "./core/history.ts";
export type { Logs } from "./core/logs.ts";
export { getLearningRate, setLearningRate, type TrainableModel } from "./core/model.ts";
export {
  fit,
  fitDataset,
  type FitDatasetOptions,
  type FitOptions,
  type TrainOptions,
  type ValidationTensors,
} from "./training/fit.ts";
export {
  evaluate,
  evaluateDataset,
  type EvaluateDatasetOptions,
  type EvaluateOptions,
} from "./training/evaluate.ts";
export { predict, type PredictOptions } from "./training/predict.ts";
export { type RatioMetric, ratioMetric } from "./training/metrics.ts";
export type { ClassWeight, DatasetBatch, DatasetLike, Tensors } from "./training/data.ts";
export type { RunOptions } from "./training/run.ts";
export { getOptimizerState, type OptimizerState, setOptimizerState } from "./training/optimizer.ts";
export { toTfjs } from "./training/to_tfjs.ts";
