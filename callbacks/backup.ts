import type { CallbackState, ResumableTraining } from "../core/callback.ts";
import { type HostWeight, readWeights, type TrainableModel, weightsOf } from "../core/model.ts";
import { findEngine } from "../tfjs/engine.ts";
import { movingAverageOf } from "../tfjs/exponential_moving_average.ts";
import { type LayerStates, readStates } from "../tfjs/layer_states.ts";
import { getOptimizerState, type OptimizerState } from "../tfjs/optimizer_state.ts";
import { getRandomState, type RandomState } from "../tfjs/random_seed.ts";
import type { RunSettings } from "./run_settings.ts";

/** Everything a run needs to continue. */
export interface Backup {
  /** The epoch to continue with, 0-based. */
  epoch: number;
  /** Last batch of that epoch on which the weights were trained; null for none. */
  batch: number | null;
  weights: HostWeight[];
  /** State of the optimizer; null for a model without one. */
  optimizer: OptimizerState | null;
  /** The state of `fit`'s loop, including the seed of the row order. */
  loop?: CallbackState;
  /** Whether the run was stopped; only in other loops. */
  stopTraining?: boolean;
  /** Sequence of `setRandomSeed`, null if no seed was set; only in other loops. */
  random?: RandomState | null;
  /** States of stateful layers; only in other loops. */
  layers?: LayerStates[];
  /** Settings of the script. */
  settings?: RunSettings;
  /** States of the list's callbacks, by key. */
  callbacks: Record<string, CallbackState>;
}

/** Position of a run, and the settings of its script. */
export type BackupPosition = Pick<Backup, "epoch" | "batch" | "settings">;

/**
 * Create a backup of a run. It contains the trained weights, even while their averages are swapped
 * in.
 *
 * @throws TypeError if the weights of the model cannot be read
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
 * Whether the run of a backup was stopped before its last epoch, so that nothing is left to train.
 */
export function hasStopped({ loop, stopTraining = false }: Backup): boolean {
  return loop === undefined ? stopTraining : loop.stopTraining === true && loop.phase === "end";
}

/** Whether a backup was saved after a batch, so that `fit` continues within the epoch. */
export function isMidEpoch({ loop }: Backup): boolean {
  return loop !== undefined && (loop.phase === "train" || loop.phase === "validate");
}

/** Whether an error is that of an interrupted run, for loops without `isInterrupted`. */
export function isInterruption(error: unknown): boolean {
  return error instanceof Error && ["AbortError", "InterruptedError"].includes(error.name);
}

/** Whether a model has an optimizer of TensorFlow.js. */
export function hasOptimizer({ optimizer }: TrainableModel): boolean {
  return typeof (optimizer as { getClassName?: unknown } | undefined)?.getClassName === "function";
}
