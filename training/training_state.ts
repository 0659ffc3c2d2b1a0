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
  /** Training data, which may have an order. Default: none. */
  source?: { readonly order?: PassOrder };
  /** State of the event loop: whether the run was aborted, and whether it yields often. */
  eventLoop?: { readonly hasAborted: boolean; readonly yieldsOften: boolean };
  /** First epoch of the run. Default: 0. */
  initialEpoch?: number;
  /** Whether the script chose the seed, so that a restored state does not replace it. */
  keepsSeed?: boolean;
}

/** Position at which a resumed run continues. */
export interface TrainingStart {
  /** Epoch to continue with, 0-based. */
  epoch: number;
  /** Epoch with which the run began. */
  firstEpoch: number;
  /** Number of epochs with all batches trained. */
  epochsTrained: number;
  /** Order of the last pass over the data, if known. */
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
  /** Whether the restored state belongs to a run that was stopped at the end of this epoch. */
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
  /** States of stateful layers at the start of the validation, which may restart. */
  #beforeValidation: TakenStates | undefined;
  /** States of stateful layers in the restored state; undefined after its epoch has begun. */
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

  /** Batches of an execution. */
  get stepsPerExecution(): number {
    return this.#params.stepsPerExecution ?? 1;
  }

  /** The seed if the script chose it; a restored state does not replace it. */
  get givenSeed(): number | undefined {
    return this.#keepsSeed ? this.#params.seed : undefined;
  }

  /** Whether the run is aborted between two batches, where all states are consistent. */
  get isInterrupted(): boolean {
    return this.#eventLoop?.hasAborted === true;
  }

  /** Whether the loop yields to the event loop at least every second. */
  get yieldsOften(): boolean {
    return this.#eventLoop?.yieldsOften === true;
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

  /** Enter the validation of the epoch. A run resumed within a validation restarts it. */
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
   * Restore the states of stateful layers, after hooks that are called again and may have reset
   * them.
   */
  restoreLayers(): void {
    if (this.#layers !== undefined) assignStates(this.#engine, this.#model, this.#layers);
  }

  /** Release tensors on the device. */
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
    this.#params.resumedAt = {
      epoch: this.start.epoch,
      batch: this.#isMidEpoch ? saved.batch : 0,
    };
    this.logs = { ...saved.logs };
    // Only the hooks at the end of training remain.
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
  /** States of stateful layers; undefined without such layers. */
  layers?: LayerStates[];
}
