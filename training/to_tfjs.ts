import type * as tf from "@tensorflow/tfjs";
import type { Params } from "../core/callback.ts";
import { CallbackList, type CallbacksArgument } from "../core/callback_list.ts";
import type { TrainableModel } from "../core/model.ts";

/**
 * Use keepfit's callbacks in TensorFlow.js's own `model.fit` and `model.fitDataset`: pass the
 * result as their `callbacks`.
 *
 * Train, epoch and batch hooks are called. tfjs has no test and predict hooks, validates before
 * the last batch's end, leaves validation out when training is stopped in mid-epoch, and after an
 * error calls nothing more: `close` runs at the end of training only. `fit` of keepfit has none of
 * these limits.
 *
 * @param callbacks callbacks in any form
 * @param model the model that is trained; default: the one tfjs names, for a `Sequential` the inner
 *   one, which saves as another class
 * @returns an object of hooks for tfjs
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
  model?: tf.LayersModel,
): tf.CustomCallbackArgs {
  const list = new CallbackList(callbacks);
  // tfjs calls the hooks of a plain object on its own wrapper, which knows the run.
  return {
    async onTrainBegin(this: { model?: tf.LayersModel; params?: Record<string, unknown> }, logs) {
      const trained = model ?? this.model;
      if (trained !== undefined) list.setModel(trained as unknown as TrainableModel);
      list.setParams(paramsOf(this.params ?? {}));
      await list.onTrainBegin(logs);
    },
    async onTrainEnd(logs) {
      try {
        await list.onTrainEnd(logs);
      } finally {
        await list.close();
      }
    },
    async onEpochBegin(epoch, logs) {
      await list.onEpochBegin(epoch, logs);
    },
    async onEpochEnd(epoch, logs) {
      await list.onEpochEnd(epoch, logs);
    },
    ...(list.has("onTrainBatchBegin") && {
      async onBatchBegin(batch: number) {
        await list.onTrainBatchBegin(batch);
      },
    }),
    ...(list.has("onTrainBatchEnd") && {
      async onBatchEnd(index: number, logs?: tf.Logs) {
        const { batch: _batch, size: _size, ...values } = logs ?? {};
        await list.onTrainBatchEnd(index, values);
      },
    }),
  };
}

/** tfjs's params in keepfit's words. */
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
