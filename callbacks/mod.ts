/**
 * The catalogue of callbacks, with the names and the behaviour of Keras 3.
 *
 * @module
 */
export { CSVLogger, type CSVLoggerOptions } from "./csv_logger.ts";
export { EarlyStopping, type EarlyStoppingOptions } from "./early_stopping.ts";
export { LambdaCallback, type LambdaHooks } from "./lambda_callback.ts";
export {
  LearningRateScheduler,
  type LearningRateSchedulerOptions,
  type Schedule,
} from "./learning_rate_scheduler.ts";
export { ModelCheckpoint, type ModelCheckpointOptions } from "./model_checkpoint.ts";
export { Progbar, type ProgbarOptions } from "./progbar.ts";
export { ProgbarLogger, type ProgbarLoggerOptions } from "./progbar_logger.ts";
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from "./reduce_lr_on_plateau.ts";
export { RemoteMonitor, type RemoteMonitorOptions } from "./remote_monitor.ts";
export { TerminateOnNaN, type TerminateOnNaNOptions } from "./terminate_on_nan.ts";
