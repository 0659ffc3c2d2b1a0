/**
 * Keras-style training callbacks for TensorFlow.js on Deno, Bun and Node.
 *
 * @module
 */
export * from "./core/callback.ts";
export { CallbackList, type CallbackListOptions, type CallbacksArgument } from "./core/callback_list.ts";
export { CallbackError, type CallbackErrorCode, type CallbackErrorContext } from "./core/errors.ts";
export { type CallbackFailure, History, type HookTiming } from "./core/history.ts";
export type { Logs } from "./core/logs.ts";
export { getLearningRate, setLearningRate, type TrainableModel } from "./core/model.ts";
