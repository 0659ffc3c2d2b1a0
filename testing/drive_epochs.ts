import type { CallbackHooks, CallbackLike, Params } from "../core/callback.ts";
import { CallbackList, type CallbacksArgument } from "../core/callback_list.ts";
import type { CallbackFailure } from "../core/history.ts";
import type { Logs } from "../core/logs.ts";
import { getLearningRate, type TrainableModel } from "../core/model.ts";
import { scriptedModel } from "./scripted_model.ts";

/** Options of {@linkcode driveEpochs}. */
export interface DriveOptions {
  /**
   * Logs of each epoch. Keys with the prefix `val_` are those of a validation: the test hooks are
   * called with them, without the prefix.
   */
  epochs: readonly object[];
  /** Batches per epoch, with the logs of the epoch except validation. Default: 2. */
  batches?: number;
  /** Params of the run, merged with those derived from the script. Default: none. */
  params?: Partial<Params>;
  /** Model. Default: a {@linkcode scriptedModel}. */
  model?: TrainableModel;
  /** Called before an epoch ends, to change the model as training would. Default: none. */
  train?: (epoch: number) => unknown;
  /** Epoch in which training fails after its batches, to test `onException`. Default: none. */
  failAt?: number;
}

/** A call of a hook on all callbacks. */
export interface DrivenCall {
  /** Name of the hook. */
  hook: keyof CallbackHooks;
  /** Epoch or batch; undefined for other hooks. */
  index: number | undefined;
  /** Logs after every callback has seen them. */
  logs: Record<string, number>;
}

/** Result of {@linkcode driveEpochs}. */
export interface DrivenRun {
  /** Every call in order, except `close`. */
  calls: DrivenCall[];
  /** Logs of each finished epoch, after every callback has seen them. */
  logs: Record<string, number>[];
  /** Epoch in which a callback stopped training; undefined if all epochs were run. */
  stoppedAt: number | undefined;
  /** Each new learning rate set by callbacks, per step. */
  learningRates: number[];
  /** Hooks that failed without ending the run, such as those of plugins. */
  failures: CallbackFailure[];
  /** The model that the callbacks received. */
  model: TrainableModel;
}

/**
 * Drive callbacks through a scripted run: every hook in the order and with the arguments of `fit`,
 * without training.
 *
 * The run starts at `params.initialEpoch`, if given, with the first entry of `epochs`. A callback
 * can stop the batches or the epochs, as in `fit`.
 *
 * @param callbacks one callback or a list, in any form that `fit` accepts
 * @param options the script
 * @returns the calls and their effects
 * @throws CallbackError when a callback fails, unless its `onError` says otherwise
 * @example
 * ```ts
 * import { EarlyStopping } from "keepfit";
 * import { driveEpochs } from "keepfit/testing";
 * import assert from "node:assert/strict";
 *
 * const { stoppedAt, logs } = await driveEpochs(new EarlyStopping({ monitor: "loss" }), {
 *   epochs: [{ loss: 2 }, { loss: 1 }, { loss: 3 }, { loss: 0 }],
 * });
 * assert.equal(stoppedAt, 2);
 * assert.deepEqual(logs, [{ loss: 2 }, { loss: 1 }, { loss: 3 }]);
 * ```
 */
export async function driveEpochs(
  callbacks: CallbacksArgument,
  options: DriveOptions,
): Promise<DrivenRun> {
  const { epochs, batches = 2, model = scriptedModel(), train, failAt } = options;
  const initialEpoch = options.params?.initialEpoch ?? 0;
  const run: DrivenRun = {
    calls: [],
    logs: [],
    stoppedAt: undefined,
    learningRates: [],
    failures: [],
    model,
  };
  const list = new CallbackList([callbacks, recorderOf(run)], {
    model,
    params: {
      verbose: 0,
      epochs: initialEpoch + epochs.length,
      steps: batches,
      doValidation: epochs.some((logs) => Object.keys(validationOf(logs)).length > 0),
      metrics: [...new Set(epochs.flatMap((logs) => Object.keys(logs)))],
      ...options.params,
    },
  });
  run.failures = list.failures;
  const scripted = new Error(`training fails in epoch ${failAt}`);
  let failure: unknown;
  model.stopTraining = false;
  try {
    await list.onTrainBegin();
    const first = list.initialEpoch || initialEpoch;
    for (let epoch = first; epoch < initialEpoch + epochs.length; epoch++) {
      const logs = epochs[epoch - initialEpoch];
      await driveEpoch(list, epoch, logs, batches, model);
      await train?.(epoch);
      if (epoch === failAt) throw scripted;
      await driveValidation(list, validationOf(logs), batches);
      await list.onEpochEnd(epoch, logs);
      if (!model.stopTraining) continue;
      run.stoppedAt = epoch;
      break;
    }
    await list.onTrainEnd(run.logs.at(-1));
  } catch (error) {
    failure = error;
    await list.onException(error);
    if (error !== scripted) throw error;
  } finally {
    await list.close(failure);
  }
  return run;
}

async function driveEpoch(
  list: CallbackList,
  epoch: number,
  logs: object,
  batches: number,
  model: TrainableModel,
): Promise<void> {
  await list.onEpochBegin(epoch);
  const measured = Object.entries(logs).filter(([name]) => !name.startsWith(prefix));
  for (let batch = 0; batch < batches; batch++) {
    await list.onTrainBatchBegin(batch);
    const isRead = list.readsBatchLogs(batch);
    await list.onTrainBatchEnd(batch, isRead ? Object.fromEntries(measured) : {});
    if (model.stopTraining) break;
  }
}

async function driveValidation(list: CallbackList, logs: object, batches: number): Promise<void> {
  if (Object.keys(logs).length === 0) return;
  await list.onTestBegin();
  for (let batch = 0; batch < batches; batch++) {
    await list.onTestBatchBegin(batch);
    await list.onTestBatchEnd(batch, logs);
  }
  await list.onTestEnd(logs);
}

const prefix = "val_";

function validationOf(logs: object): object {
  return Object.fromEntries(
    Object.entries(logs).filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value]),
  );
}

/** A callback for the end of the list, which records calls. */
function recorderOf(run: DrivenRun): CallbackLike {
  let rate = rateOf(run.model);
  const record = (hook: keyof CallbackHooks, index: number | undefined, logs: Logs): void => {
    run.calls.push({ hook, index, logs: { ...logs } });
    if (hook === "onEpochEnd") run.logs.push({ ...logs });
    const present = rateOf(run.model);
    if (present !== undefined && !Object.is(present, rate)) run.learningRates.push(present);
    rate = present;
  };
  const indexed = (hook: keyof CallbackHooks) => (index: number, logs: Logs) =>
    record(hook, index, logs);
  const plain = (hook: keyof CallbackHooks) => (logs: Logs) => record(hook, undefined, logs);
  return {
    name: "the script",
    // It reads only logs that others have read.
    readsBatchLogs: () => false,
    onTrainBegin: plain("onTrainBegin"),
    onTrainEnd: plain("onTrainEnd"),
    onEpochBegin: indexed("onEpochBegin"),
    onEpochEnd: indexed("onEpochEnd"),
    onTrainBatchBegin: indexed("onTrainBatchBegin"),
    onTrainBatchEnd: indexed("onTrainBatchEnd"),
    onTestBegin: plain("onTestBegin"),
    onTestEnd: plain("onTestEnd"),
    onTestBatchBegin: indexed("onTestBatchBegin"),
    onTestBatchEnd: indexed("onTestBatchEnd"),
    onException: () => record("onException", undefined, {}),
  };
}

function rateOf(model: TrainableModel): number | undefined {
  try {
    return getLearningRate(model);
  } catch {
    return undefined;
  }
}
