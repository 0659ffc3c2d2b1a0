import type * as tf from "@tensorflow/tfjs";
import type { CallbackState, Params, ResumableLoop, StateValue } from "../core/callback.ts";
import type { TrainableModel } from "../core/model.ts";
import type { Engine } from "../tfjs/engine.ts";
import { assignStates, type LayerStates, readStates, TakenStates } from "../tfjs/layer_states.ts";
import { getRandomState, type RandomState, setRandomState } from "../tfjs/random_seed.ts";
import type { PassOrder } from "./data/pass_order.ts";
import type { MeansState, RunningMeans } from "./running_means.ts";

/** Phase of an epoch: before its first batch, training, validation, or its end. */
export type TrainingPhase = "begin" | "train" | "validate" | "end";

/** Inputs of a {@linkcode TrainingState}. */
export interface TrainingStateOptions {
  engine: Engine;
  model: tf.LayersModel;
  means: RunningMeans;
  /** Params of the run, which pass the seed to callbacks. */
  params: Params;
  /** The data that is trained on, which may have an order. Default: none. */
  source?: { readonly order?: PassOrder };
  /** Tells whether the run was ended between two batches, and whether others have their turn. */
  eventLoop?: { readonly hasAborted: boolean; readonly givesWay: boolean };
  /** First epoch of the run. Default: 0. */
  initialEpoch?: number;
  /** True if the script chose the seed, which a restored state then does not replace. */
  keepsSeed?: boolean;
}

/** Position at which a resumed run continues. */
export interface TrainingStart {
  /** Epoch to continue with, 0-based. */
  epoch: number;
  /** Epoch with which the run began. */
  firstEpoch: number;
  /** Epochs whose batches were all trained. */
  epochsTrained: number;
  /** Order of the data that was read last, where it can be told. */
  order?: PassOrder;
}

/**
 * Progress of a training loop: its position, and everything except weights that the next batch
 * depends on.
 */
export class TrainingState implements ResumableLoop {
  /** Current epoch, 0-based. */
  epoch = 0;
  /** Batches trained in this epoch. */
  batch = 0;
  /** Batches trained in all epochs, including those before a restart. */
  step = 0;
  phase: TrainingPhase = "begin";
  /** Logs of the last epoch that has ended. */
  logs: Record<string, number> = {};
  /** True if the restored state is of a run that was stopped at the end of this epoch. */
  hasEnded = false;
  /** Position at which to continue; undefined unless a state was restored. */
  start: TrainingStart | undefined;
  /** Means of the current epoch's batches. */
  readonly means: RunningMeans;
  readonly #engine: Engine;
  readonly #model: TrainableModel;
  readonly #params: Params;
  readonly #eventLoop: TrainingStateOptions["eventLoop"];
  readonly #keepsSeed: boolean;
  readonly #source: TrainingStateOptions["source"];
  #firstEpoch: number;
  #isMidEpoch = false;
  /** What stateful layers remembered when the validation began, which begins anew. */
  #beforeValidation: TakenStates | undefined;
  /** What they remembered in the state that was restored; undefined once its epoch has begun. */
  #layers: LayerStates[] | undefined;

  /** @param options params, measures and seed of the run */
  constructor(options: TrainingStateOptions) {
    const { engine, model, means, params, eventLoop, initialEpoch = 0, keepsSeed = false } =
      options;
    this.means = means;
    this.epoch = initialEpoch;
    this.#firstEpoch = initialEpoch;
    this.#eventLoop = eventLoop;
    this.#engine = engine;
    this.#model = model as unknown as TrainableModel;
    this.#params = params;
    this.#keepsSeed = keepsSeed;
    this.#source = options.source;
  }

  /** Seed of the order of the rows, and of dropout and noise. */
  get seed(): number {
    return this.#params.seed ?? 0;
  }

  /** The same where the script chose it; a restored state does not replace it. */
  get givenSeed(): number | undefined {
    return this.#keepsSeed ? this.#params.seed : undefined;
  }

  /** True if the run is ended between two batches, where all states are consistent. */
  get isInterrupted(): boolean {
    return this.#eventLoop?.hasAborted === true;
  }

  /** True when the loop gives way to the event loop between batches. */
  get givesWay(): boolean {
    return this.#eventLoop?.givesWay === true;
  }

  /** Position in the sequence of `setRandomSeed`; undefined if no seed was set. */
  get random(): RandomState | undefined {
    return getRandomState(this.#engine);
  }

  /** The model's flag of the same name, which callbacks set. */
  get stopTraining(): boolean {
    return this.#model.stopTraining === true;
  }

  set stopTraining(stops: boolean) {
    this.#model.stopTraining = stops;
  }

  /** Enter an epoch at its first batch, unless a state within it was restored. */
  beginEpoch(epoch: number): void {
    const isKept = this.#isMidEpoch && epoch === this.epoch;
    this.#isMidEpoch = false;
    if (isKept) return;
    this.#layers = undefined;
    this.epoch = epoch;
    this.batch = 0;
    this.phase = "begin";
    this.means.reset();
  }

  /** Enter the validation of the epoch. A run that goes on from a state within it begins it anew. */
  beginValidation(): void {
    this.phase = "validate";
    this.#beforeValidation = new TakenStates(this.#model);
  }

  /** Enter the end of the epoch, with its logs. */
  endEpoch(logs: Record<string, number>): void {
    this.phase = "end";
    this.logs = logs;
    this.dispose();
  }

  /**
   * Put back what stateful layers remembered in the state that was restored, after hooks that are
   * called again and may have reset it.
   */
  restoreLayers(): void {
    if (this.#layers !== undefined) assignStates(this.#engine, this.#model, this.#layers);
  }

  /** Release what is held on the device. */
  dispose(): void {
    this.#beforeValidation?.dispose();
    this.#beforeValidation = undefined;
  }

  /** The state as plain data. */
  async getState(): Promise<CallbackState> {
    const { epoch, batch, step, phase, stopTraining, seed, random } = this;
    const order = this.#source?.order ?? this.start?.order;
    const means = await this.means.getState();
    const layers = await readStates(this.#model, this.#beforeValidation);
    return {
      epoch,
      batch,
      step,
      phase,
      stopTraining,
      logs: phase === "end" ? { ...this.logs } : {},
      seed,
      firstEpoch: this.#firstEpoch,
      means,
      random: random ?? null,
      ...(order !== undefined && { order }),
      ...(layers.length > 0 && { layers: layers as unknown as StateValue }),
    };
  }

  /**
   * Continue from a state of {@linkcode getState}: within an epoch, at its end, or before the
   * first. The seed is kept if the script chose one.
   */
  setState(state: CallbackState): void {
    const saved = state as unknown as SavedState;
    this.epoch = saved.epoch;
    this.batch = saved.batch;
    this.step = saved.step;
    this.phase = saved.phase;
    this.#firstEpoch = saved.firstEpoch ?? 0;
    this.#isMidEpoch = saved.phase === "train" || saved.phase === "validate";
    const isTrained = saved.phase === "validate" || saved.phase === "end";
    this.start = {
      epoch: saved.epoch + Number(saved.phase === "end"),
      firstEpoch: this.#firstEpoch,
      epochsTrained: saved.epoch - this.#firstEpoch + Number(isTrained),
      order: saved.order,
    };
    this.logs = { ...saved.logs };
    // Only the end of training is left for its callbacks.
    this.stopTraining = saved.stopTraining === true;
    this.hasEnded = this.stopTraining && saved.phase === "end";
    if (!this.#keepsSeed) this.#params.seed = saved.seed ?? this.seed;
    this.means.setState(saved.means);
    this.#layers = saved.layers;
    if (saved.random !== null) setRandomState(this.#engine, saved.random);
  }
}

interface SavedState extends Pick<TrainingState, "epoch" | "batch" | "step" | "phase"> {
  firstEpoch?: number;
  stopTraining?: boolean;
  order?: PassOrder;
  logs?: Record<string, number>;
  seed: number | null;
  means: MeansState;
  random: RandomState | null;
  /** Absent where no layer is stateful. */
  layers?: LayerStates[];
}
