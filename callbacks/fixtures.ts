/** What the tests of this room share: a run without a training loop, and what it prints. */
import type { Params } from "../core/callback.ts";
import { CallbackList } from "../core/callback_list.ts";
import type { CallbacksArgument } from "../core/flatten.ts";
import type { TrainableModel } from "../core/model.ts";

/** A run by hand. */
export interface Run {
  model?: TrainableModel;
  params?: Partial<Params>;
  /** Batches of each epoch; they log what the epoch logs. Default: 0. */
  batches?: number;
  /** What training does before the epoch ends. */
  train?: (epoch: number) => unknown;
}

/** Call every hook as `fit` does, with these epoch logs; returns how many epochs ran. */
export async function drive(
  callbacks: CallbacksArgument,
  epochs: object[],
  { model = { stopTraining: false }, params, batches = 0, train }: Run = {},
): Promise<number> {
  const list = new CallbackList(callbacks, {
    model,
    params: { verbose: 0, epochs: epochs.length, steps: batches, ...params },
  });
  let ran = 0;
  let failure: unknown;
  model.stopTraining = false;
  try {
    await list.onTrainBegin();
    for (const [epoch, logs] of epochs.entries()) {
      await list.onEpochBegin(epoch);
      for (let batch = 0; batch < batches && !model.stopTraining; batch++) {
        await list.onTrainBatchBegin(batch);
        await list.onTrainBatchEnd(batch, logs);
      }
      await train?.(epoch);
      await list.onEpochEnd(epoch, logs);
      ran++;
      if (model.stopTraining) break;
    }
    await list.onTrainEnd(epochs[ran - 1]);
  } catch (error) {
    failure = error;
    await list.onException(error);
    throw error;
  } finally {
    await list.close(failure);
  }
  return ran;
}

/** The epoch logs of these losses. */
export function losses(...values: number[]): { loss: number }[] {
  return values.map((loss) => ({ loss }));
}

/** What `run` prints, and what it warns of. */
export async function heard(run: () => unknown): Promise<{ printed: string[]; warned: string[] }> {
  const { log, warn } = console;
  const printed: string[] = [];
  const warned: string[] = [];
  console.log = (message: string) => void printed.push(message);
  console.warn = (message: string) => void warned.push(message);
  try {
    await run();
  } finally {
    console.log = log;
    console.warn = warn;
  }
  return { printed, warned };
}
