import { Callback, type CallbackOptions } from "../core/callback.ts";
import { type EngineMemory, findEngine } from "../tfjs/engine.ts";
import { batchesOfExecution } from "../core/execution.ts";
import type { Logs } from "../core/logs.ts";
import { callable, callbackOptions, checkOptions, type OptionRule, verbosity } from "./options.ts";

/** Options of {@linkcode SpeedMonitor}. */
export interface SpeedMonitorOptions extends CallbackOptions {
  /** Whether to print the speed of each epoch: a number above 0 or true. Default: 0. */
  verbose?: number | boolean;
  /** Number of consecutive epochs with a growing number of tensors before a warning. Default: 3. */
  leakPatience?: number;
  /** Source of the number of tensors, such as `tf.memory`. Default: that of the engine. */
  memory?: () => EngineMemory;
  /** A clock, in milliseconds. Default: `performance.now`. */
  now?: () => number;
}

/**
 * Measure the speed of training, and warn when the number of tensors grows from epoch to epoch.
 *
 * Adds to the epoch logs, for later callbacks and the history: `epoch_seconds`, including
 * validation; `steps_per_second` and `samples_per_second`, of training only. The last one is
 * omitted if the number of rows is unknown (a dataset).
 *
 * @example
 * ```ts
 * import { CallbackList, History, SpeedMonitor } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * let now = 0;
 * const history = new History();
 * const list = new CallbackList([new SpeedMonitor({ now: () => now }), history], {
 *   params: { verbose: 0, epochs: 1, steps: 1, batchSize: 32, samples: 32 },
 * });
 * await list.onTrainBegin();
 * await list.onEpochBegin(0);
 * now = 500;
 * await list.onTrainBatchEnd(0);
 * await list.onEpochEnd(0, { loss: 1 });
 * assert.deepEqual(history.history.samples_per_second, [64]);
 * assert.deepEqual(history.history.steps_per_second, [2]);
 * ```
 */
export class SpeedMonitor extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "SpeedMonitor";

  /** Consecutive epochs with more tensors until it warns. */
  readonly leakPatience: number;
  #verbose: boolean;
  #message = "";
  #memory: () => EngineMemory | undefined;
  #now: () => number;
  #begin = 0;
  #steps = 0;
  // Training ends where validation begins.
  #trained: number | undefined;
  /** Numbers of tensors after the last epochs in which it grew. */
  #tensors: number[] = [];
  #hasWarned = false;

  /**
   * Add the speed of training to the logs.
   *
   * @param options verbosity, leak detection and sources
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for a `leakPatience` below 1
   */
  constructor(options: SpeedMonitorOptions = {}) {
    super(options);
    checkOptions(this, SpeedMonitor, options, {
      ...callbackOptions,
      verbose: verbosity,
      leakPatience: atLeastOne,
      memory: callable,
      now: callable,
    });
    this.leakPatience = options.leakPatience ?? 3;
    this.#verbose = Number(options.verbose ?? 0) > 0;
    this.#memory = options.memory ?? (() => findEngine()?.memory());
    this.#now = options.now ?? (() => performance.now());
  }

  /** False: it counts batches without reading logs. */
  override readsBatchLogs(): boolean {
    return false;
  }

  /** Start a new count of tensors. */
  override onTrainBegin(): void {
    this.#tensors = [];
    this.#hasWarned = false;
  }

  /** Start the clock of the epoch. */
  override onEpochBegin(): void {
    this.#begin = this.#now();
    this.#steps = 0;
    this.#trained = undefined;
  }

  /** Count the steps. */
  override onTrainBatchEnd(batch: number): void {
    this.#steps += batchesOfExecution(batch, this.params);
  }

  /** Stop the clock of training, because validation is not part of the speed. */
  override onTestBegin(): void {
    this.#trained ??= this.#now();
  }

  /** Add the speed to the logs, and warn when tensors leak. */
  override onEpochEnd(epoch: number, logs: Logs): void {
    const end = this.#now();
    const trained = ((this.#trained ?? end) - this.#begin) / 1000;
    const samples = this.#samples();
    logs.epoch_seconds = (end - this.#begin) / 1000;
    if (trained > 0) {
      logs.steps_per_second = this.#steps / trained;
      if (samples !== undefined) logs.samples_per_second = samples / trained;
    }
    if (this.#verbose) this.#message = messageOf(epoch, logs);
    this.#watchTensors();
  }

  /** Print below the progress bar, which ends with the epoch. */
  override afterEpochEnd(): void {
    if (this.#verbose) console.log(this.#message);
  }

  /** Rows of this epoch. */
  #samples(): number | undefined {
    const { steps, samples, batchSize } = this.params ?? {};
    if (samples && this.#steps === steps) return samples;
    return batchSize ? this.#steps * batchSize : undefined;
  }

  #watchTensors(): void {
    const count = this.#memory()?.numTensors;
    if (count === undefined || this.#hasWarned) return;
    const before = this.#tensors.at(-1);
    if (before !== undefined && count <= before) this.#tensors = [];
    this.#tensors.push(count);
    if (this.#tensors.length <= this.leakPatience) return;
    this.#hasWarned = true;
    console.warn(
      `keepfit: SpeedMonitor found a tensor leak: there were ${this.#tensors.join(", ")} ` +
        `after the last epochs; dispose the tensors of hooks, metrics and datasets, or use tf.tidy`,
    );
  }
}

function messageOf(epoch: number, logs: Logs): string {
  const parts = [
    logs.samples_per_second === undefined ? [] : `${round(logs.samples_per_second)} samples/s`,
    logs.steps_per_second === undefined ? [] : `${round(logs.steps_per_second)} steps/s`,
    `${round(logs.epoch_seconds)} s`,
  ].flat();
  return `Epoch ${epoch + 1}: ${parts.join(", ")}`;
}

/** Three significant digits, but all digits before the decimal point. */
function round(value: number): string {
  return String(value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}

const atLeastOne: OptionRule = {
  types: ["number"],
  expected: ">= 1",
  isValid: (value: number) => value >= 1,
};
