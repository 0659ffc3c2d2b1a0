import type { ResumableTraining } from "../core/callback.ts";
import { CallbackError, messageOf } from "../core/errors.ts";
import {
  assignWeights,
  disposeWeights,
  setLearningRate,
  type TrainableModel,
  weightsFromHost,
} from "../core/model.ts";
import { findEngine, getEngine } from "../tfjs/engine.ts";
import { fitOptimizerState } from "../tfjs/fit_optimizer_state.ts";
import { assignStates, type LayerStates, misfitsOf } from "../tfjs/layer_states.ts";
import {
  getOptimizerState,
  type OptimizerState,
  setOptimizerState,
} from "../tfjs/optimizer_state.ts";
import { setRandomState } from "../tfjs/random_seed.ts";
import { type Backup, hasOptimizer, isMidEpoch } from "./backup.ts";
import { changedSettings, type RunSettings } from "./run_settings.ts";

/**
 * Restore a backup: weights and slots by the names of the weights, states by the keys of the
 * callbacks. Parts without an owner in this run are ignored.
 *
 * @param folder folder of the backup, for messages
 * @returns a sentence for each part that was ignored or is missing in the backup
 * @throws RangeError if it does not match the model, which is then unchanged
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
  const action = `Cannot continue from the backup in ${folder}, remove it to train from scratch`;
  const weights = await weightsFromHost(model, backup.weights).catch((cause) => {
    throw new RangeError(`${action}: ${messageOf(cause)}`, { cause });
  });
  try {
    // Before the optimizer, so that GradualUnfreezing trains the weights of its state.
    await training.setState(Object.fromEntries(saved.filter(([key]) => keys.includes(key))));
    // Before the weights, because it fails for another class of optimizer.
    if (backup.optimizer !== null && hasOptimizer(model)) {
      remarks.push(...await restoreOptimizer(model, backup.optimizer));
    }
    assignWeights(model, weights);
  } catch (cause) {
    if (cause instanceof CallbackError) throw cause;
    throw new RangeError(`${action}: ${messageOf(cause)}`, { cause });
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

/**
 * Restore the learning rate and weights, which callbacks may have set in `onEpochBegin`. It is
 * called again in a run that continues within the epoch.
 */
export async function restoreAfterEpochBegin(
  { optimizer, weights }: Backup,
  model: TrainableModel,
): Promise<void> {
  const rate = optimizer?.learningRate;
  if (typeof rate === "number" && hasOptimizer(model)) setLearningRate(model.optimizer, rate);
  const present = await weightsFromHost(model, weights);
  try {
    assignWeights(model, present);
  } finally {
    disposeWeights(present);
  }
}

/**
 * Sentences about settings that differ between a backup and this run.
 *
 * @throws RangeError if the run cannot continue within an epoch, because the rest of it would
 *   differ
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
    `this run has other settings and cannot equal an uninterrupted one: ` +
    `${all.join(", ")}; the optimizer's state is the backup's`,
  ];
}

/**
 * Whether a backup was saved before the first batch and belongs to another model, so that nothing
 * is lost.
 */
export async function isWorthless(backup: Backup, model: TrainableModel): Promise<boolean> {
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

/**
 * Sentences about states of recurrent layers that this run cannot use.
 *
 * @throws RangeError within an epoch, because its next batch depends on them
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
      ? [`the optimizer's state of '${extra.join("', '")}' is ignored: it is not currently trained`]
      : []),
    ...(missing.length > 0
      ? [
        `the optimizer starts from scratch for '${
          missing.join("', '")
        }': it was not trained before`,
      ]
      : []),
  ];
}

/** A sentence about a state without an owner, and callbacks of the same name without a state. */
function remarkOn(key: string, fresh: string[]): string {
  const name = key.replace(/ \(.*$/s, "");
  const others = fresh.filter((other) => other === name || other.startsWith(`${name} (`));
  const remark = `the state of ${key} is ignored: this run does not use it`;
  return others.length === 0 ? remark : `${remark}; ${others.join(", ")} starts from scratch`;
}
