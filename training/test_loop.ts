import type * as tf from "@tensorflow/tfjs";
import type { CallbackList } from "../core/callback_list.ts";
import type { TrainableModel } from "../core/model.ts";
import { isPromise } from "../core/promise.ts";
import type { Compiled } from "../tfjs/compiled.ts";
import type { BatchSource } from "./data/data.ts";
import { type Engine, readsSynchronously } from "../tfjs/engine.ts";
import { closing, type Turns } from "./run.ts";
import { measuresOf, RunningMeans } from "./running_means.ts";
import { testStep } from "./step.ts";

/**
 * Evaluate one source with the test hooks: a run of its own, or the validation of a fit.
 *
 * @returns means over all rows, keys without `val_`
 */
export async function testLoop(
  model: tf.LayersModel,
  engine: Engine,
  compiled: Compiled,
  source: BatchSource,
  list: CallbackList,
  turns: Turns,
): Promise<Record<string, number>> {
  const flags = model as unknown as TrainableModel;
  const means = new RunningMeans(measuresOf(compiled), readsSynchronously(engine));
  const tellsBatches = list.has("onTestBatchEnd");
  flags.stopEvaluating = false;
  await list.onTestBegin();
  const batches = source.epoch({ epoch: 0 });
  try {
    await closing(batches, async () => {
      for (let index = 0;; index++) {
        let batch = batches.next();
        if (isPromise(batch)) batch = await batch;
        if (batch === null) break;
        try {
          const begun = list.onTestBatchBegin(index);
          if (isPromise(begun)) await begun;
          const counted = means.add(testStep(engine, compiled, batch), batch.size);
          if (isPromise(counted)) await counted;
        } finally {
          batch.dispose();
        }
        if (tellsBatches) {
          let logs = means.logs();
          if (isPromise(logs)) logs = await logs;
          const ended = list.onTestBatchEnd(index, logs);
          if (isPromise(ended)) await ended;
        }
        if (flags.stopEvaluating) break;
        const turn = turns.afterBatch();
        if (isPromise(turn)) await turn;
      }
    });
    const logs = await means.logs();
    await list.onTestEnd(logs);
    return logs;
  } finally {
    means.dispose();
  }
}
