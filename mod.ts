/**
 * Keras-style training callbacks for TensorFlow.js on Deno, Bun and Node: `fit`, `evaluate` and
 * `predict` with every hook of Keras, the callbacks themselves, and plugins imported, verified, from
 * any URL.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { EarlyStopping, fit } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({
 *   layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "zeros" })],
 * });
 * model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError" });
 * const x = tf.randomUniform([32, 1], -1, 1, "float32", 1);
 * const y = x.mul(2).sub(1);
 *
 * const history = await fit(model, x, y, {
 *   batchSize: 8,
 *   epochs: 500,
 *   seed: 1,
 *   validationSplit: 0.25,
 *   callbacks: [new EarlyStopping({ patience: 3, minDelta: 1e-4, restoreBestWeights: true })],
 *   verbose: 0,
 * });
 *
 * assert(history.epoch.length < 500);
 * assert(Math.min(...history.history.val_loss) < 0.01);
 * ```
 *
 * @module
 */
export { CallbackList } from "./core/callback_list.ts";
export * from "./callbacks/mod.ts";
export {
  Callback,
  type CallbackAbilities,
  type CallbackHooks,
  type CallbackLike,
  type CallbackOptions,
  type CallbackState,
  type ErrorPolicy,
  type HookOrder,
  type HookResult,
  type Params,
  type PredictLogs,
  type ResumableLoop,
  type ResumableTraining,
  type StateValue,
} from "./core/callback.ts";
export type {
  CallbackListOptions,
  CallbackReference,
  CallbacksArgument,
  HookCaller,
  ListHook,
  TfjsCallback,
} from "./core/callback_list.ts";
export type { EngineMemory } from "./tfjs/engine.ts";
export { CallbackError, type CallbackErrorCode, type CallbackErrorContext } from "./core/errors.ts";
export {
  type CallbackFailure,
  History,
  type HookTiming,
  type StepDescription,
} from "./core/history.ts";
export type { Logs } from "./core/logs.ts";
export {
  getLearningRate,
  type HostWeight,
  setLearningRate,
  type TrainableModel,
  type WeightTensor,
} from "./core/model.ts";
export {
  type Monitor,
  MonitorCallback,
  type MonitoredValue,
  type MonitorFunction,
  type MonitorMode,
  type MonitorOptions,
  type MonitorRules,
} from "./core/monitor_callback.ts";
// Not from plugins/mod.ts, which would load all of it.
export { PluginError } from "./plugins/errors.ts";
export { loadPlugin } from "./plugins/load/load_plugin.ts";
export type { LoadPluginOptions, PluginCallback } from "./plugins/mod.ts";
export { checkpointHandler, loadWeights, saveCheckpoint } from "./checkpoints/mod.ts";
export { useBackend } from "./tfjs/backend/mod.ts";
export { InterruptedError, interruptSignal } from "./runtime/mod.ts";
export type {
  ClassWeight,
  ClassWeights,
  DatasetBatch,
  DatasetLike,
  DatasetPass,
  PassDataset,
  Tensors,
} from "./training/data/data.ts";
export {
  accumulateGradients,
  type AccumulatingOptimizer,
  type AccumulationState,
  GradientAccumulation,
} from "./tfjs/accumulate_gradients.ts";
export { clipGradients, type ClipOptions } from "./tfjs/clip_gradients.ts";
export {
  type AveragedOptimizer,
  exponentialMovingAverage,
} from "./tfjs/exponential_moving_average.ts";
export { MovingAverage, type MovingAverageOptions } from "./tfjs/moving_average.ts";
export {
  evaluate,
  evaluateDataset,
  type EvaluateDatasetOptions,
  type EvaluateOptions,
} from "./training/evaluate.ts";
export {
  fit,
  fitDataset,
  type FitDatasetOptions,
  type FitOptions,
  type TrainOptions,
  type ValidationOptions,
  type ValidationTensors,
} from "./training/fit.ts";
export { shuffledDataset, type ShuffledDatasetOptions } from "./training/shuffled_dataset.ts";
export { type RatioMetric, ratioMetric } from "./tfjs/metrics.ts";
export {
  getOptimizerState,
  type NamedValue,
  type OptimizerState,
  setOptimizerState,
} from "./tfjs/optimizer_state.ts";
export { predict, type PredictOptions } from "./training/predict.ts";
export { describeStep } from "./tfjs/plan/describe.ts";
export { setRandomSeed } from "./tfjs/random_seed.ts";
export type { RunOptions } from "./training/run.ts";
export { toTfjs } from "./training/to_tfjs.ts";

// Types of other entry points that these names are made of.
export type {
  CheckpointOptions,
  DirectoryEntry,
  FileInfo,
  LoadedWeights,
  LoadWeightsOptions,
  SaveCheckpointOptions,
  WritableFile,
} from "./checkpoints/mod.ts";
export type {
  Allowed,
  Fetch,
  FetchOptions,
  Grant,
  Grants,
  OpenPluginOptions,
  Peers,
  PluginData,
  PluginErrorCode,
  PluginInfo,
  PluginLimits,
  PluginPermission,
  PluginTier,
  SettingsOptions,
} from "./plugins/mod.ts";
export type {
  CommandOptions,
  CommandResult,
  FileSystem,
  HttpServer,
  Interruption,
  OpenMode,
  Path,
  Runtime,
  Terminal,
  WorkerOptions,
  WorkerThread,
} from "./runtime/mod.ts";
export type {
  CustomScalarsCategory,
  CustomScalarsChart,
  CustomScalarsLayout,
  DataClass,
  GraphAttribute,
  GraphDefLike,
  GraphNode,
  HistogramOptions,
  HparamsMetric,
  HparamsOptions,
  HparamValue,
  ImageLike,
  PrCurveOptions,
  SummaryOptions,
  SummaryWriter,
  TensorDType,
  TensorLike,
  TensorSummaryOptions,
  TextLike,
} from "./tensorboard/mod.ts";
export type {
  BackendChoice,
  BackendName,
  BackendOptions,
  ChosenBackend,
  GPUAdapterLike,
  GPUDeviceLike,
  GPULike,
  WasmPaths,
} from "./tfjs/backend/mod.ts";
export type {
  CustomCallbackArgs,
  Dataset,
  IOHandler,
  LayersModel,
  Optimizer,
  Tensor,
} from "./tfjs/types.ts";
