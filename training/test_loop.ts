import type * as tf from "@tensorflow/tfjs";
import type { CallbackList } from "../core/callback_list.ts";
import type { TrainableModel } from "../core/model.ts";
import { isPromise } from "../core/promise.ts";
import type { Compiled } from "../tfjs/compiled.ts";
import type { Engine } from "../tfjs/engine.ts";
import { forEachBatch } from "./batch_loop.ts";
import type { CompileOptions } from "./maybe_compiled.ts";
import type { BatchSource } from "./data/data.ts";
import type { EventLoopYield } from "./event_loop_yield.ts";
import { measuresOf, RunningMeans } from "./running_means.ts";
import { makeTestStep, type Step } from "./step.ts";

/** The model to evaluate, and its data. */
export interface Evaluation {
  model: tf.LayersModel;
  source: BatchSource;
  step: Step;
  means: RunningMeans;
  /** Batches between two calls of the batch hooks. Default: 1. */
  stepsPerExecution?: number;
}

/** Prepare an evaluation, which may then run after every epoch. */
export function makeEvaluation(
  model: tf.LayersModel,
  engine: Engine,
  compiled: Compiled,
  source: BatchSource,
  { stepsPerExecution, ...options }: CompileOptions & Pick<Evaluation, "stepsPerExecution">,
): Evaluation {
  const means = new RunningMeans(measuresOf(compiled));
  const step = makeTestStep(engine, model, compiled, options);
  return { model, source, step, means, stepsPerExecution };
}

/**
 * Evaluate one source with the test hooks, in a separate run or as the validation of a fit.
 *
 * @param epoch the epoch that is validated, for messages
 * @returns means over all rows, keys without `val_`
 */
export async function testLoop(
  { model, source, step, means, stepsPerExecution }: Evaluation,
  list: CallbackList,
  eventLoop: EventLoopYield,
  epoch = 0,
): Promise<Record<string, number>> {
  const flags = model as unknown as TrainableModel;
  means.reset();
  flags.stopEvaluating = false;
  await list.onTestBegin();
  try {
    await forEachBatch(source.epoch({ epoch }), eventLoop, {
      begin: (index) => list.onTestBatchBegin(index),
      step: (batch) => means.add(step(batch), batch.size),
      end: list.has("onTestBatchEnd")
        ? (index) => {
          const logs = means.logs();
          if (!isPromise(logs)) return list.onTestBatchEnd(index, logs);
          return logs.then((read) => list.onTestBatchEnd(index, read));
        }
        : undefined,
      isStopped: () => flags.stopEvaluating === true,
    }, { stepsPerExecution });
    const logs = await means.logs();
    await list.onTestEnd(logs);
    return logs;
  } finally {
    means.dispose();
  }
}
