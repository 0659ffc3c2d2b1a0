/**
 * The catalog of callbacks, with the names and the behavior of Keras 3.
 *
 * @module
 */
export { BackupAndRestore, type BackupAndRestoreOptions } from "./backup_and_restore.ts";
export type { ProfileBatch } from "./batch_profiler.ts";
export type { CheckpointWriterOptions } from "../checkpoints/checkpoint_writer.ts";
export {
  cosineDecay,
  type CosineDecayOptions,
  cosineDecayRestarts,
  type CosineDecayRestartsOptions,
} from "./cosine_schedules.ts";
export { CSVLogger, type CSVLoggerOptions } from "./csv_logger.ts";
export {
  type DeviceMemory,
  DeviceStatsMonitor,
  type DeviceStatsMonitorOptions,
} from "./device_stats_monitor.ts";
export { EarlyStopping, type EarlyStoppingOptions, type WatchOptions } from "./early_stopping.ts";
export type { EmbeddingsMetadata } from "./embeddings.ts";
export {
  GradualUnfreezing,
  type GradualUnfreezingOptions,
  type UnfreezingSchedule,
} from "./gradual_unfreezing.ts";
export { JSONLinesLogger, type JSONLinesLoggerOptions } from "./json_lines_logger.ts";
export { LambdaCallback, type LambdaHooks } from "./lambda_callback.ts";
export { LearningRateFinder, type LearningRateFinderOptions } from "./learning_rate_finder.ts";
export { LearningRateMonitor, type LearningRateMonitorOptions } from "./learning_rate_monitor.ts";
export {
  LearningRateScheduler,
  type LearningRateSchedulerOptions,
  type Schedule,
} from "./learning_rate_scheduler.ts";
export { ModelCheckpoint, type ModelCheckpointOptions } from "./model_checkpoint.ts";
export type { SaveTimes } from "./save_schedule.ts";
export { ModelSummary, type ModelSummaryOptions } from "./model_summary.ts";
export { Progbar, type ProgbarOptions } from "./progbar.ts";
export { ProgbarLogger, type ProgbarLoggerOptions } from "./progbar_logger.ts";
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from "./reduce_lr_on_plateau.ts";
export { RemoteMonitor, type RemoteMonitorOptions } from "./remote_monitor.ts";
export {
  type DecayOptions,
  exponentialDecay,
  inverseTimeDecay,
  piecewiseConstantDecay,
  type PiecewiseConstantDecayOptions,
  polynomialDecay,
  type PolynomialDecayOptions,
  type StepSchedule,
} from "./schedules.ts";
export { SpeedMonitor, type SpeedMonitorOptions } from "./speed_monitor.ts";
export { SwapEMAWeights, type SwapEMAWeightsOptions } from "./swap_ema_weights.ts";
export { TensorBoard, type TensorBoardOptions } from "./tensorboard.ts";
export { TerminateOnNaN, type TerminateOnNaNOptions } from "./terminate_on_nan.ts";
export { Timer, type TimerOptions } from "./timer.ts";
export {
  oneCycle,
  type OneCycleOptions,
  type WarmupOptions,
  withWarmup,
} from "./warmup_schedules.ts";
