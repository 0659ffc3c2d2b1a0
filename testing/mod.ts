/**
 * What authors of callbacks and plugins need: drive a callback through scripted epochs and small
 * real trainings, hold it to what every callback keeps to, load a plugin from its source into a
 * world that writes down what it does, and reload it while it is written. For any test runner.
 *
 * @module
 */
export { checkCallback, type CheckCallbackOptions, type MakeCallback } from "./check_callback.ts";
export { devPlugin, type DevPluginOptions, type Reload } from "./dev_plugin.ts";
export { driveEpochs, type DrivenCall, type DrivenRun, type DriveOptions } from "./drive_epochs.ts";
export {
  loadForTest,
  type LoadForTestOptions,
  type RecordedRequest,
  type TestedPlugin,
} from "./tested_plugin.ts";
export { type ScriptedModel, scriptedModel, type ScriptedModelOptions } from "./scripted_model.ts";
export {
  type SmallTask,
  type SmallTraining,
  type TensorFlow,
  trainSmall,
  type TrainSmallOptions,
} from "./train_small.ts";
