/** The callbacks of the runs that the suites of this folder interrupt. */
import {
  BackupAndRestore,
  Callback,
  type CallbackLike,
  type CallbackState,
  CSVLogger,
  EarlyStopping,
  GradualUnfreezing,
  JSONLinesLogger,
  LearningRateFinder,
  LearningRateMonitor,
  LearningRateScheduler,
  type Logs,
  ModelCheckpoint,
  ReduceLROnPlateau,
  SwapEMAWeights,
  TensorBoard,
  TerminateOnNaN,
  Timer,
} from "keepfit";
import type { FileSystem } from "keepfit/runtime";
import type { Kind } from "./training.ts";

/** The callbacks of a run, all of which write to `directory`. */
export function callbacksOf(kind: Kind, fs: FileSystem, directory: string): CallbackLike[] {
  const { append = false, background = false, batchLines = false, saveFreq, saveEvery } = kind;
  return [
    new BackupAndRestore(`${directory}/backup`, {
      fs,
      saveFreq,
      saveEvery,
      saveOnBackground: background,
    }),
    new ReduceLROnPlateau({ monitor: "loss", patience: 1, minDelta: 0.5, factor: 0.5 }),
    new EarlyStopping({
      monitor: "val_loss",
      mode: kind.stops ? "max" : "min",
      patience: kind.stops ? 2 : 9,
      restoreBestWeights: true,
    }),
    ...(kind.catalog ? catalog(kind, fs, directory) : []),
    ...(kind.model === "average" ? [new SwapEMAWeights({ swapOnEpoch: true })] : []),
    new ModelCheckpoint(`${directory}/best`, {
      fs,
      monitor: "val_loss",
      saveBestOnly: true,
      saveOnBackground: background,
    }),
    new ModelCheckpoint(`${directory}/last/{epoch}`, {
      fs,
      maxToKeep: 2,
      saveOnBackground: background,
    }),
    new CSVLogger(`${directory}/log.csv`, { fs, append }),
    new JSONLinesLogger(`${directory}/log.jsonl`, {
      fs,
      append,
      updateFreq: batchLines ? "batch" : "epoch",
    }),
    new TensorBoard({
      logDir: `${directory}/board`,
      fs,
      updateFreq: 2,
      writeGraph: kind.catalog ?? false,
      ...(kind.catalog && { hparams: { units: 4 }, histogramFreq: 2 }),
    }),
  ] as CallbackLike[];
}

/** What else has a state, and what changes the training in hooks that are called again. */
function catalog({ background }: Kind, fs: FileSystem, directory: string): CallbackLike[] {
  return [
    new LearningRateFinder({
      steps: 6,
      minLearningRate: 0.001,
      afterwards: "train",
      verbose: 0,
      plot: `${directory}/rates.svg`,
      fs,
    }),
    // It multiplies the rate that it finds, so that a second call in one epoch would be seen.
    new LearningRateScheduler((epoch, rate) => epoch === 0 ? rate : rate * 0.9),
    new LearningRateMonitor({ every: "step" }),
    new GradualUnfreezing({ 2: "hidden" }),
    new ReduceLROnPlateau({
      monitor: "val_loss",
      patience: 0,
      cooldown: 1,
      minDelta: 0.01,
      factor: 0.8,
    }),
    new EarlyStopping({ monitor: ["loss", "val_loss"], patience: 3, stopWhen: "all" }),
    new Timer({ hours: 10, verbose: 0 }),
    new TerminateOnNaN(),
    new ModelCheckpoint(`${directory}/batches/{epoch}-{batch}`, {
      fs,
      monitor: "loss",
      saveFreq: 3,
      keepBest: 1,
      maxToKeep: 1,
      saveOnBackground: background,
    }),
    new ModelCheckpoint(`${directory}/weights.safetensors`, {
      fs,
      saveWeightsOnly: true,
      saveOnBackground: background,
    }),
    ...["first", "second"].map((name) => new BatchCounter(name)),
  ];
}

/** A callback of the user's own, whose state is in the logs. */
class BatchCounter extends Callback {
  static override readonly className: string = "BatchCounter";
  readonly #key: string;
  #batches = 0;

  constructor(name: string) {
    super({ name });
    this.#key = `batches_${name}`;
  }

  override onTrainBatchEnd(): void {
    this.#batches++;
  }

  override onEpochEnd(_epoch: number, logs: Logs): void {
    logs[this.#key] = this.#batches;
  }

  getState(): CallbackState {
    return { batches: this.#batches };
  }

  setState(state: CallbackState): void {
    this.#batches = state.batches as number;
  }
}
