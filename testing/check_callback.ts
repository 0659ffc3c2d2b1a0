import type { CallbackLike } from "../core/callback.ts";
import { messageOf } from "../core/errors.ts";
import type { Logs } from "../core/logs.ts";
import type { TrainableModel } from "../core/model.ts";
import { onUnhandledRejection } from "../runtime/mod.ts";
import { checkState } from "./check_state.ts";
import { checkTraining } from "./check_training.ts";
import { driveEpochs, type DrivenRun, type DriveOptions } from "./drive_epochs.ts";
import { differenceOf } from "./plain_data.ts";
import { scriptedModel } from "./scripted_model.ts";
import type { TensorFlow } from "./train_small.ts";

/** Options of {@linkcode checkCallback}. */
export interface CheckCallbackOptions {
  /** TensorFlow.js, to include real trainings. Default: scripted runs only. */
  tf?: TensorFlow;
  /** Model of the scripted runs. Default: a {@linkcode scriptedModel}. */
  model?: () => TrainableModel;
  /** Log keys that the callback may add or change; true for any. Default: none. */
  writesLogs?: readonly string[] | true;
  /** State keys with times or other values that differ between runs. Default: none. */
  volatileState?: readonly string[];
  /** Pattern of problems that are intended, such as an error for a NaN loss. Default: none. */
  mayFail?: RegExp;
}

/** Creates the callback to check, a new one for each call. */
export type MakeCallback = () => CallbackLike | Promise<CallbackLike>;

/** Options and tools of a check. */
export interface CheckWorld {
  make: MakeCallback;
  options: CheckCallbackOptions;
  /** Run the script; failures that do not end the run become problems. */
  drive(
    callbacks: CallbackLike | CallbackLike[],
    more?: Partial<DriveOptions>,
  ): Promise<DrivenRun>;
  /** Report a problem. */
  problem(what: string): void;
}

/** Logs of the scripted runs: better at first, then worse. */
export const script: readonly Logs[] = [
  { loss: 3, accuracy: 0.3, val_loss: 3.5, val_accuracy: 0.25 },
  { loss: 2, accuracy: 0.5, val_loss: 2.5, val_accuracy: 0.4 },
  { loss: 1.5, accuracy: 0.6, val_loss: 2, val_accuracy: 0.5 },
  { loss: 1.5, accuracy: 0.6, val_loss: 2.5, val_accuracy: 0.5 },
  { loss: 1.6, accuracy: 0.6, val_loss: 3, val_accuracy: 0.45 },
  { loss: 1.7, accuracy: 0.55, val_loss: 3.5, val_accuracy: 0.4 },
];

/**
 * Check what every callback must satisfy: it survives all kinds of runs, can be reused and closed
 * twice, changes only the allowed logs, and leaves neither tensors nor unhandled rejections. Its
 * state is plain data from which another instance continues identically.
 *
 * @param make creates the callback, a new one for each call
 * @param options allowed behaviour, and TensorFlow.js
 * @returns one sentence for each problem; empty for a valid callback
 * @example
 * ```ts
 * import { EarlyStopping } from "keepfit";
 * import { checkCallback } from "keepfit/testing";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(await checkCallback(() => new EarlyStopping({ patience: 1 })), []);
 *
 * const [problem] = await checkCallback(() => ({
 *   onEpochEnd: (_epoch, logs) => void (logs.loss = 0),
 * }));
 * assert.match(problem, /changes the logs: in onEpochEnd logs.loss: found 0, expected 3/);
 * ```
 */
export async function checkCallback(
  make: MakeCallback,
  options: CheckCallbackOptions = {},
): Promise<string[]> {
  const { model = scriptedModel, mayFail } = options;
  const problems: string[] = [];
  const forgotten = new Set<unknown>();
  const release = onUnhandledRejection((reason) => void forgotten.add(reason));
  try {
    for (const [title, check] of Object.entries(checks)) {
      const problem = (what: string): void => {
        const line = `${title}: ${what}`;
        if (!mayFail?.test(line) && !problems.includes(line)) problems.push(line);
      };
      const drive: CheckWorld["drive"] = async (callbacks, more) => {
        const run = await driveEpochs(callbacks, { epochs: script, model: model(), ...more });
        for (const { callback, hook, error } of run.failures) {
          problem(`${callback} failed in ${hook}: ${messageOf(error)}`);
        }
        return run;
      };
      try {
        await check({ make, options, drive, problem });
      } catch (error) {
        problem(messageOf(error));
      }
    }
    // The runtime reports them after the current tasks.
    await new Promise((resolve) => setTimeout(resolve, 10));
  } finally {
    release();
  }
  for (const reason of forgotten) {
    problems.push(`a promise that is not awaited was rejected: ${messageOf(reason)}`);
  }
  return problems;
}

const checks: Record<string, (world: CheckWorld) => Promise<unknown>> = {
  "in a scripted run": async ({ make, drive }) => drive(await make()),
  "in a run without validation": async ({ make, drive }) =>
    drive(await make(), { epochs: script.map(({ loss, accuracy }) => ({ loss, accuracy })) }),
  "in a run without batches": async ({ make, drive }) => drive(await make(), { batches: 0 }),
  "when everything is NaN": async ({ make, drive }) =>
    drive(await make(), { epochs: [{ loss: NaN, val_loss: NaN }, { loss: NaN, val_loss: NaN }] }),
  "in a second run": checkSecondRun,
  "when training fails": checkFailingRun,
  "changes the logs": checkLogs,
  "when it is closed": async ({ make, drive }) => {
    await (await make()).close?.();
    const callback = await make();
    await drive(callback);
    await callback.close?.();
    await callback.close?.();
  },
  "in its state": checkState,
  "in a real training": checkTraining,
};

async function checkSecondRun({ make, drive, problem }: CheckWorld): Promise<void> {
  const callback = await make();
  const first = effectsOf(await drive(callback));
  const difference = differenceOf(effectsOf(await drive(callback)), first, "the run");
  if (difference !== undefined) problem(`it behaves differently: ${difference}`);
}

async function checkFailingRun({ make, drive, problem }: CheckWorld): Promise<void> {
  const callback = await make();
  await drive(reporting(callback, problem), { failAt: 1 });
  await drive(callback);
}

/**
 * The callback, with errors of `onException` and `close` reported, which the first failure would
 * hide.
 */
function reporting(callback: CallbackLike, problem: (what: string) => void): CallbackLike {
  return new Proxy(callback, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function") return member;
      if (key !== "onException" && key !== "close") return member.bind(target);
      return async (...args: unknown[]) => {
        try {
          await member.apply(target, args);
        } catch (error) {
          problem(`it failed in ${key}: ${messageOf(error)}`);
        }
      };
    },
  });
}

async function checkLogs({ make, options, drive, problem }: CheckWorld): Promise<void> {
  const { writesLogs = [] } = options;
  if (writesLogs === true) return;
  let before: Record<string, number> = {};
  const look = (_hook: string, logs: Logs): void => {
    before = { ...logs };
  };
  const compare = (hook: string, logs: Logs): void => {
    const kept = Object.entries({ ...logs }).filter(([key]) => !writesLogs.includes(key));
    const expected = Object.entries(before).filter(([key]) => !writesLogs.includes(key));
    const difference = differenceOf(Object.fromEntries(kept), Object.fromEntries(expected), "logs");
    if (difference !== undefined) problem(`in ${hook} ${difference}`);
  };
  await drive([probe("before", look), await make(), probe("after", compare)]);
}

/** A callback that only observes. */
function probe(name: string, look: (hook: string, logs: Logs) => void): CallbackLike {
  return {
    name,
    readsBatchLogs: () => false,
    onEpochBegin: (_epoch, logs) => look("onEpochBegin", logs),
    onTrainBatchBegin: (_batch, logs) => look("onTrainBatchBegin", logs),
    onTrainBatchEnd: (_batch, logs) => look("onTrainBatchEnd", logs),
    onTestEnd: (logs) => look("onTestEnd", logs),
    onEpochEnd: (_epoch, logs) => look("onEpochEnd", logs),
    onTrainEnd: (logs) => look("onTrainEnd", logs),
  };
}

/** Observable effects of a run, without measured times. */
export function effectsOf({ calls, stoppedAt, learningRates }: DrivenRun): object {
  return {
    hooks: calls.map(({ hook, logs }) => `${hook} ${Object.keys(logs)}`),
    stoppedAt: stoppedAt ?? null,
    learningRates,
  };
}
