import type { CallbackState, ResumableTraining } from "../core/callback.ts";
import { CallbackError, messageOf } from "../core/errors.ts";
import {
  assignWeights,
  disposeWeights,
  type HostWeight,
  readWeights,
  setLearningRate,
  type TrainableModel,
  weightsFromHost,
  weightsOf,
} from "../core/model.ts";
import { findEngine, getEngine } from "../tfjs/engine.ts";
import { fitOptimizerState } from "../tfjs/fit_optimizer_state.ts";
import { assignStates, type LayerStates, misfitsOf, readStates } from "../tfjs/layer_states.ts";
import { movingAverageOf } from "../tfjs/moving_average.ts";
import {
  getOptimizerState,
  type OptimizerState,
  setOptimizerState,
} from "../tfjs/optimizer_state.ts";
import { getRandomState, type RandomState, setRandomState } from "../tfjs/random_seed.ts";
import { changedSettings, type RunSettings } from "./run_settings.ts";

/** Everything a run needs to continue. */
export interface Backup {
  /** The epoch to continue with, 0-based. */
  epoch: number;
  /** The last batch of that epoch that the weights have seen; null for none. */
  batch: number | null;
  weights: HostWeight[];
  /** Null for a model without one. */
  optimizer: OptimizerState | null;
  /** What the loop of `fit` saves, the seed of the row order included. */
  loop?: CallbackState;
  /** In other loops, whether the run was stopped. */
  stopTraining?: boolean;
  /** In other loops, the sequence of `setRandomSeed`; null where no seed was set. */
  random?: RandomState | null;
  /** In other loops, what stateful layers remember. */
  layers?: LayerStates[];
  /** What the script had chosen. */
  settings?: RunSettings;
  /** What the callbacks of the list remember, by key. */
  callbacks: Record<string, CallbackState>;
}

/**
 * What of a backup's settings is another one in this run, in sentences.
 *
 * @throws RangeError when the run cannot go on within an epoch, because the rest of it is another one
 */
export function remarksOnSettings(backup: Backup, now: RunSettings, folder: string): string[] {
  const { ofEpoch, others, version } = changedSettings(
    backup.settings ?? {},
    now,
    backup.loop?.seed,
  );
  if (isMidEpoch(backup) && ofEpoch.length > 0) {
    throw new RangeError(
      `Cannot resume the run within epoch ${backup.epoch}: ${ofEpoch.join(", ")}; restore the ` +
        `setting, or remove the backup in ${folder} to train from scratch`,
    );
  }
  const all = [...ofEpoch, ...others];
  const remarks = version === undefined ? [] : [version];
  if (all.length === 0) return remarks;
  return [
    ...remarks,
    `this run has other settings and cannot equal one that was never interrupted: ` +
    `${all.join(", ")}; the optimizer's state is the backup's`,
  ];
}

/** True for a backup that was taken before the first batch and is of another model: nothing is lost. */
export async function isOfNoUse(backup: Backup, model: TrainableModel): Promise<boolean> {
  if (backup.loop?.step !== 0) return false;
  const saved = backup.optimizer?.className;
  if (hasOptimizer(model) && (await getOptimizerState(model as never)).className !== saved) {
    return true;
  }
  try {
    disposeWeights(await weightsFromHost(model, backup.weights));
    return false;
  } catch {
    return true;
  }
}

/** Where a run is, and what its script has chosen. */
export type BackupPosition = Pick<Backup, "epoch" | "batch" | "settings">;

/**
 * Take a backup of a run. The weights are those that are trained, whoever has swapped their averages
 * in for a while.
 *
 * @throws TypeError for a model without weights to read
 */
export async function takeBackup(
  model: TrainableModel,
  training: ResumableTraining,
  position: BackupPosition,
): Promise<Backup> {
  if (typeof model.getWeights !== "function") {
    throw new TypeError("Cannot back up: the model must have getWeights()");
  }
  const average = movingAverageOf(model);
  const isSwapped = average?.isInModel ?? false;
  if (isSwapped) average?.swapOut(model);
  try {
    return {
      ...position,
      weights: await readWeights(weightsOf(model)),
      optimizer: hasOptimizer(model) ? await getOptimizerState(model as never) : null,
      ...(training.loop === undefined
        ? {
          stopTraining: model.stopTraining === true,
          random: getRandomState(findEngine()) ?? null,
          layers: await readStates(model),
        }
        : { loop: await training.loop.getState() }),
      callbacks: await training.getState(),
    };
  } finally {
    if (isSwapped) average?.swapIn(model);
  }
}

/**
 * Put a backup back: weights and slots by the names of the weights, states by the keys of the
 * callbacks. What has no owner in this run is left out.
 *
 * @param folder the backup's, for messages
 * @returns a sentence for each thing that was left out, or has nothing in the backup
 * @throws RangeError when it does not fit the model, which is then as it was
 */
export async function restoreBackup(
  backup: Backup,
  model: TrainableModel,
  training: ResumableTraining,
  folder: string,
): Promise<string[]> {
  const remarks: string[] = [];
  remarks.push(...remarksOnLayers(backup, model, folder));
  const keys = training.stateKeys;
  const saved = Object.entries(backup.callbacks);
  const place = `Cannot go on from the backup in ${folder}, remove it to start anew`;
  const weights = await weightsFromHost(model, backup.weights).catch((cause) => {
    throw new RangeError(`${place}: ${messageOf(cause)}`, { cause });
  });
  try {
    // Before the optimizer's: GradualUnfreezing then trains the weights that its state is of.
    await training.setState(Object.fromEntries(saved.filter(([key]) => keys.includes(key))));
    // Before the weights, because it may be of another class.
    if (backup.optimizer !== null && hasOptimizer(model)) {
      remarks.push(...await restoreOptimizer(model, backup.optimizer));
    }
    assignWeights(model, weights);
  } catch (cause) {
    if (cause instanceof CallbackError) throw cause;
    throw new RangeError(`${place}: ${messageOf(cause)}`, { cause });
  } finally {
    disposeWeights(weights);
  }
  if (backup.loop !== undefined) await training.loop?.setState(backup.loop);
  if (backup.stopTraining) model.stopTraining = true;
  if (backup.random) setRandomState(findEngine(), backup.random);
  if (backup.layers?.length) assignStates(getEngine(), model, backup.layers);
  const ownerless = saved.map(([key]) => key).filter((key) => !keys.includes(key));
  const fresh = keys.filter((key) => !Object.hasOwn(backup.callbacks, key));
  return [...remarks, ...ownerless.map((key) => remarkOn(key, fresh))];
}

/** True for the backup of a run that was stopped before its last epoch: nothing of it is left to train. */
export function hasStopped({ loop, stopTraining = false }: Backup): boolean {
  return loop === undefined ? stopTraining : loop.stopTraining === true && loop.phase === "end";
}

/** True for a backup that was taken after a batch, from which `fit` goes on within the epoch. */
export function isMidEpoch({ loop }: Backup): boolean {
  return loop !== undefined && (loop.phase === "train" || loop.phase === "validate");
}

/**
 * Set the learning rate of a backup. Callbacks set that of an epoch in `onEpochBegin`, which is called
 * again in a run that goes on within the epoch.
 */
export function restoreRate({ optimizer }: Backup, model: TrainableModel): void {
  const rate = optimizer?.learningRate;
  if (typeof rate === "number" && hasOptimizer(model)) setLearningRate(model.optimizer, rate);
}

/** True for the error of a run that was asked to end, for loops that cannot tell. */
export function isInterruption(error: unknown): boolean {
  return error instanceof Error && ["AbortError", "InterruptedError"].includes(error.name);
}

/**
 * What of the states of recurrent layers has no place in this run.
 *
 * @throws RangeError within an epoch, whose next batch goes on from those of the last
 */
function remarksOnLayers(backup: Backup, model: TrainableModel, folder: string): string[] {
  const saved = (backup.loop?.layers as LayerStates[] | undefined) ?? backup.layers ?? [];
  const misfits = misfitsOf(model, saved);
  const other = misfits.find(({ isOfOtherBatches }) => isOfOtherBatches);
  if (other !== undefined && isMidEpoch(backup)) {
    throw new RangeError(
      `Cannot resume the run within epoch ${backup.epoch}: ${other.remark}; restore the batch ` +
        `size, or remove the backup in ${folder} to train from scratch`,
    );
  }
  return misfits.map(({ remark, isOfOtherBatches }) =>
    isOfOtherBatches ? `${remark}; they start at zero` : remark
  );
}

/** Restore the state of the weights that are trained in both runs. */
async function restoreOptimizer(model: TrainableModel, state: OptimizerState): Promise<string[]> {
  const { missing, extra, fitted } = fitOptimizerState(model as never, state);
  if (missing.length + extra.length === 0 || state.weights !== undefined) {
    await setOptimizerState(model as never, state);
    return [];
  }
  await setOptimizerState(model as never, fitted);
  return [
    ...(extra.length > 0
      ? [`the optimizer's state of '${extra.join("', '")}' is left out: it is not trained now`]
      : []),
    ...(missing.length > 0
      ? [`the optimizer starts afresh for '${missing.join("', '")}': it was not trained then`]
      : []),
  ];
}

/** What became of a state without an owner, and who of the same name starts without one. */
function remarkOn(key: string, fresh: string[]): string {
  const name = key.replace(/ \(.*$/s, "");
  const others = fresh.filter((other) => other === name || other.startsWith(`${name} (`));
  const remark = `the state of ${key} is left out: this run does not use it`;
  return others.length === 0 ? remark : `${remark}; ${others.join(", ")} starts afresh`;
}

function hasOptimizer({ optimizer }: TrainableModel): boolean {
  return typeof (optimizer as { getClassName?: unknown } | undefined)?.getClassName === "function";
}
