/**
 * Tools for authors of callbacks and plugins: drive a callback through scripted epochs and small
 * real trainings, check what every callback must satisfy, load a plugin from source with recorded
 * effects, and reload it while you edit. They work with any test runner.
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

// Types of other entry points that these exports refer to.
export type {
  Callback,
  CallbackAbilities,
  CallbackHooks,
  CallbackLike,
  CallbackState,
  ErrorPolicy,
  HookOrder,
  HookResult,
  Params,
  PredictLogs,
  ResumableLoop,
  ResumableTraining,
  StateValue,
} from "../core/callback.ts";
export type {
  CallbackList,
  CallbackReference,
  CallbacksArgument,
  HookCaller,
  ListHook,
  TfjsCallback,
} from "../core/callback_list.ts";
export type { CallbackFailure, History, HookTiming, StepDescription } from "../core/history.ts";
export type { TrainableModel, WeightTensor } from "../core/model.ts";
export type { LoadPluginOptions } from "../plugins/load/load_plugin.ts";
export type {
  PermissionEntry,
  PluginCallbackEntry,
  PluginControl,
  PluginFile,
  PluginHook,
  PluginHookEntry,
  PluginManifest,
  PluginPermission,
  PluginPermissions,
} from "../plugins/manifest/format.ts";
export type {
  DirectoryEntry,
  FileInfo,
  FileSystem,
  OpenMode,
  Path,
  WritableFile,
} from "../runtime/types.ts";
export type { Optimizer, Sequential, Tensor2D } from "../tfjs/types.ts";
export type {
  Allowed,
  Fetch,
  FetchOptions,
  OpenPluginOptions,
  OptionsScalar,
  OptionsSchema,
  OptionsType,
  Peers,
  PluginData,
  PluginLimits,
  PluginTier,
  SettingsOptions,
} from "../plugins/mod.ts";
export type { Logs } from "../core/logs.ts";
