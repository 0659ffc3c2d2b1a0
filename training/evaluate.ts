import { type Logs, normalizeLogs } from "../core/logs.ts";
import { type Compiled, compiledParts } from "../tfjs/compiled.ts";
import type { LayersModel } from "../tfjs/types.ts";
import {
  type BatchSource,
  checkDataset,
  checkNotOfTensors,
  type DatasetLike,
  decidedByDataset,
  type Tensors,
} from "./data/data.ts";
import { datasetSource } from "./data/dataset_source.ts";
import { type Engine, getEngine } from "../tfjs/engine.ts";
import { EventLoopYield } from "./event_loop_yield.ts";
import {
  closing,
  oneOf,
  readOptions,
  type RunOptions,
  runOptions,
  wholeNumber,
  withCallbacks,
} from "./run.ts";
import { logKeys } from "./running_means.ts";
import { StepReport } from "./step_report.ts";
import { tensorSource } from "./data/tensor_source.ts";
import { makeEvaluation, testLoop } from "./test_loop.ts";

/** Options of {@linkcode evaluateDataset}. */
export interface EvaluateDatasetOptions extends RunOptions {
  /** Batches to evaluate. Default: all. */
  steps?: number;
  /** tfjs's name of {@linkcode EvaluateDatasetOptions.steps}. */
  batches?: number;
}

/** Options of {@linkcode evaluate}. */
export interface EvaluateOptions extends RunOptions {
  /**
   * Batch size in rows. Default: 32, or the one that a stateful model requires. With `steps`, as in
   * Keras, the size with which they have all rows.
   */
  batchSize?: number;
  /**
   * Weight of each row in the loss, of shape [rows] or [rows, steps]; one for each of several
   * outputs. Default: 1.
   */
  sampleWeight?: Tensors;
  /** Batches to evaluate. Default: all. */
  steps?: number;
}

/**
 * Compute loss and metrics of a model on tensors, and call the test hooks of callbacks.
 *
 * @param model a compiled `tf.LayersModel` or `tf.Sequential`
 * @param x inputs: a tensor of shape [rows, ...], or one for each input, in order or by name
 * @param y targets: a tensor, or one for each output, in order or by name
 * @param options callbacks, batches and messages
 * @returns numbers by name: `loss` and the metrics, sorted. Unlike with `model.evaluate`, there is
 *   nothing to dispose
 * @throws TypeError if the model is not compiled, or the data has the wrong form
 * @throws RangeError for shapes that do not match the model, and data without rows
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { evaluate } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({
 *   layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones" })],
 * });
 * model.compile({ optimizer: "sgd", loss: "meanSquaredError", metrics: ["mae"] });
 *
 * const logs = await evaluate(model, tf.tensor2d([[1], [2]]), tf.tensor2d([[1], [4]]), { verbose: 0 });
 *
 * assert.deepEqual(logs, { loss: 2, mae: 1 });
 * ```
 */
export async function evaluate(
  model: LayersModel,
  x: Tensors,
  y: Tensors,
  options?: EvaluateOptions | null,
): Promise<Logs> {
  options = readOptions("evaluate", options, evaluateOptions);
  const engine = getEngine();
  const compiled = compiledParts(model, "evaluate");
  const source = await tensorSource(engine, compiled, x, y, {
    batchSize: options.batchSize,
    sampleWeight: options.sampleWeight,
    steps: wholeNumber("steps", options.steps, 1),
    role: "evaluation",
  });
  return await runEvaluation(model, engine, compiled, source, options);
}

/**
 * Compute loss and metrics of a model on a dataset, and call the test hooks of callbacks.
 *
 * @param model a compiled `tf.LayersModel` or `tf.Sequential`
 * @param dataset batches `{ xs, ys, sampleWeight? }` or `[xs, ys, sampleWeight?]`; the loop disposes
 *   their tensors
 * @param options callbacks, batches and messages
 * @returns numbers by name: `loss` and the metrics, sorted
 * @throws TypeError if the model is not compiled, or a batch has the wrong form
 * @throws RangeError for shapes that do not match the model, and a dataset without batches
 */
export async function evaluateDataset(
  model: LayersModel,
  dataset: DatasetLike,
  options?: EvaluateDatasetOptions | null,
): Promise<Logs> {
  checkDataset(dataset, "evaluate(model, x, y, options)");
  checkNotOfTensors(options);
  options = readOptions(
    "evaluateDataset",
    options,
    evaluateDatasetOptions,
    decidedByDataset,
  );
  const engine = getEngine();
  const compiled = compiledParts(model, "evaluate");
  const source = datasetSource(engine, compiled, dataset, {
    steps: wholeNumber("steps", oneOf(options, "steps", "batches"), 1),
    role: "evaluation",
  });
  return await runEvaluation(model, engine, compiled, source, options);
}

const evaluateOptions: Record<keyof EvaluateOptions, true> = {
  ...runOptions,
  batchSize: true,
  sampleWeight: true,
  steps: true,
};

const evaluateDatasetOptions: Record<keyof EvaluateDatasetOptions, true> = {
  ...runOptions,
  steps: true,
  batches: true,
};

async function runEvaluation(
  model: LayersModel,
  engine: Engine,
  compiled: Compiled,
  source: BatchSource,
  options: RunOptions,
): Promise<Logs> {
  return await closing(source, async () => {
    const eventLoop = new EventLoopYield(options);
    const params = {
      verbose: options.verbose ?? "auto",
      epochs: 1,
      steps: source.steps,
      batchSize: source.batchSize ?? null,
      samples: source.samples,
      metrics: logKeys(compiled, false),
      directions: compiled.directions,
    };
    return await withCallbacks(model, options, params, false, async (list) => {
      const { jitCompile = "auto", verbose, stepsPerExecution } = options;
      const report = new StepReport(engine, { verbose });
      const evaluation = makeEvaluation(model, engine, compiled, source, {
        jitCompile,
        report,
        stepsPerExecution,
      });
      try {
        return normalizeLogs(await testLoop(evaluation, list, eventLoop));
      } finally {
        evaluation.step.dispose();
      }
    });
  }, options.signal);
}
