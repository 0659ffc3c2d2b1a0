import type * as tf from "@tensorflow/tfjs";
import type { Params } from "../core/callback.ts";
import { CallbackList, type CallbacksArgument } from "../core/callback_list.ts";
import type { TrainableModel } from "../core/model.ts";
import { movingAverageOf } from "../tfjs/exponential_moving_average.ts";
import type { CustomCallbackArgs, LayersModel } from "../tfjs/types.ts";
import { closingList } from "./run.ts";

/**
 * Use keepfit's callbacks in TensorFlow.js's own `model.fit` and `model.fitDataset`: pass the
 * result as their `callbacks`.
 *
 * Train, epoch and batch hooks are called. tfjs has no test and predict hooks, validates before the
 * end of the last batch, and skips validation if training is stopped within an epoch. After an
 * error in tfjs no hook is called, so `close` is only called when training ends or a callback
 * fails. `fit` of keepfit has none of these limits.
 *
 * @param callbacks callbacks in any form
 * @param model the trained model, which tfjs does not pass to plain hooks
 * @returns an object of hooks for tfjs
 * @throws TypeError without a model
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { History, toTfjs } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
 * model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
 * const history = new History();
 *
 * await model.fit(tf.ones([4, 1]), tf.ones([4, 1]), {
 *   epochs: 2,
 *   callbacks: toTfjs([history], model),
 * });
 *
 * assert.equal(history.history.loss.length, 2);
 * ```
 */
export function toTfjs(
  callbacks: CallbacksArgument,
  model: LayersModel,
): CustomCallbackArgs {
  if (typeof model?.getWeights !== "function") {
    throw new TypeError(
      `Cannot create callbacks for model.fit without the model: call toTfjs(callbacks, model)`,
    );
  }
  const list = new CallbackList(callbacks);
  return {
    // tfjs calls the hooks of a plain object on its own wrapper, which has the params.
    onTrainBegin(this: { params?: Record<string, unknown> }, logs) {
      return failing(list, async () => {
        list.setModel(model as unknown as TrainableModel);
        const params = paramsOf(this.params ?? {});
        const { initialEpoch = 0 } = params;
        list.setParams(params);
        await list.onTrainBegin(logs);
        checkInitialEpoch(list, initialEpoch, model.stopTraining);
      });
    },
    onTrainEnd: (logs) =>
      closingList(list, async () => {
        movingAverageOf(model)?.finalize(model as unknown as TrainableModel);
        await list.onTrainEnd(logs);
      }),
    onEpochBegin: (epoch, logs) => failing(list, () => list.onEpochBegin(epoch, logs)),
    onEpochEnd: (epoch, logs) => failing(list, () => list.onEpochEnd(epoch, logs)),
    ...(list.has("onTrainBatchBegin") && {
      onBatchBegin: (batch: number) => failing(list, () => list.onTrainBatchBegin(batch)),
    }),
    ...(list.has("onTrainBatchEnd") && {
      onBatchEnd(index: number, logs?: tf.Logs) {
        const { batch: _batch, size: _size, ...values } = logs ?? {};
        return failing(list, () => list.onTrainBatchEnd(index, values));
      },
    }),
  };
}

/** Close the callbacks after a failing hook, because tfjs calls no further hook. */
async function failing(list: CallbackList, run: () => void | Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    await closingList(list, () => Promise.reject(error));
  }
}

/** @throws RangeError if a callback sets an initial epoch other than that of model.fit */
function checkInitialEpoch(list: CallbackList, initialEpoch: number, hasStopped: boolean): void {
  if (list.initialEpoch && hasStopped) {
    throw new RangeError(
      `Cannot continue at epoch ${list.initialEpoch}: the run was stopped there, but model.fit ` +
        `would still train a batch; remove its backup to train from scratch, or use fit of keepfit`,
    );
  }
  if (!list.initialEpoch || list.initialEpoch === initialEpoch) return;
  throw new RangeError(
    `Cannot continue at epoch ${list.initialEpoch}: model.fit starts at epoch ${initialEpoch}; ` +
      `pass ` +
      `it initialEpoch: ${list.initialEpoch}, or train with fit of keepfit`,
  );
}

/** tfjs's params under keepfit's names. */
function paramsOf(params: Record<string, unknown>): Params {
  return {
    verbose: 0,
    epochs: Number(params.epochs ?? 1),
    steps: (params.steps as number | null) ??
      (typeof params.samples === "number"
        ? Math.ceil(params.samples / Number(params.batchSize))
        : null),
    initialEpoch: Number(params.initialEpoch ?? 0),
    batchSize: (params.batchSize as number | null) ?? null,
    samples: (params.samples as number | null) ?? null,
    doValidation: Boolean(params.doValidation),
    metrics: (params.metrics as string[] | undefined)?.slice().sort(),
  };
}
