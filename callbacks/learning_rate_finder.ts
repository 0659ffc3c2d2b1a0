import { Callback, type CallbackState } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import { getLearningRate, setLearningRate } from "../core/model.ts";
import { getRuntime, probePath } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import {
  type LearningRateFinderOptions,
  learningRateFinderRules,
} from "./learning_rate_finder_options.ts";
import { drawSweep } from "./learning_rate_plot.ts";
import { BatchLoss, LearningRateSweep, type SweepState } from "./learning_rate_sweep.ts";
import { ModelSnapshot, type SnapshotState } from "./model_snapshot.ts";
import { checkOptions } from "./options.ts";

export type { LearningRateFinderOptions };

/**
 * Find a good learning rate by raising it step by step from very low to very high. The suggestion
 * is the rate at which the loss falls fastest.
 *
 * The sweep takes the first steps of the run, over as many epochs as needed. When it is done or the
 * loss diverges, the weights, the optimizer's state and its rate are restored, before validation
 * and before later callbacks receive that step. `suggestion` is the rate at the steepest fall of
 * the smoothed loss. The first tenth of the steps is ignored for both suggestion and divergence. Do
 * not combine it with another callback that sets the rate.
 *
 * Source: L. N. Smith, "Cyclical Learning Rates for Training Neural Networks"; the suggestion is
 * that of Lightning's `LearningRateFinder`.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { fit, getLearningRate, LearningRateFinder } from "keepfit";
 * import { exists, memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({
 *   layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "zeros" })],
 * });
 * model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
 * const x = tf.randomNormal([64, 1], 0, 1, "float32", 1);
 * const fs = memoryFileSystem();
 * const finder = new LearningRateFinder({ plot: "runs/rate.svg", fs, verbose: 0 });
 *
 * await fit(model, x, x.mul(3), {
 *   epochs: 100,
 *   batchSize: 16,
 *   seed: 1,
 *   verbose: 0,
 *   callbacks: [finder],
 * });
 *
 * assert(finder.suggestion! > 1e-3 && finder.suggestion! < 2);
 * assert.equal(getLearningRate(model), 0.01);
 * assert(await exists("runs/rate.svg", { fs }));
 * ```
 */
export class LearningRateFinder extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "LearningRateFinder";

  /** The rate of each step of the sweep. */
  readonly learningRates: number[];
  /** The loss of each step, of its batch only. */
  readonly losses: number[];
  /** The losses, smoothed. */
  readonly smoothedLosses: number[];
  /** Suggested rate; undefined before the sweep is done, or if no rate lowered the loss. */
  suggestion: number | undefined;
  readonly #options: Required<Omit<LearningRateFinderOptions, "name" | "onError" | "plot" | "fs">>;
  readonly #sweep: LearningRateSweep;
  #plot: Path | undefined;
  #fs: FileSystem | undefined;
  #kept: ModelSnapshot | undefined;
  readonly #batchLoss = new BatchLoss();
  /** Restored state until the run begins; its model is undefined if the sweep was done. */
  #restored: Pick<FinderState, "kept"> | undefined;

  /**
   * Sweep the learning rate in the first steps of the next run.
   *
   * @param options range of the sweep, and the use of its result
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for an option out of range, or if the rates do not increase
   */
  constructor(options: LearningRateFinderOptions = {}) {
    super(options);
    checkOptions(this, LearningRateFinder, options, learningRateFinderRules);
    this.#options = {
      minLearningRate: options.minLearningRate ?? 1e-7,
      maxLearningRate: options.maxLearningRate ?? 10,
      steps: options.steps ?? 100,
      smoothing: options.smoothing ?? 0.9,
      divergence: options.divergence ?? 4,
      afterwards: options.afterwards ?? "stop",
      verbose: options.verbose ?? 1,
    };
    const { minLearningRate, maxLearningRate } = this.#options;
    if (minLearningRate >= maxLearningRate) {
      throw new RangeError(
        `Cannot create LearningRateFinder from ${minLearningRate} to ${maxLearningRate}: ` +
          `minLearningRate must be below maxLearningRate`,
      );
    }
    this.#sweep = new LearningRateSweep(this.#options);
    this.learningRates = this.#sweep.learningRates;
    this.losses = this.#sweep.losses;
    this.smoothedLosses = this.#sweep.smoothedLosses;
    this.#plot = options.plot;
    this.#fs = options.fs;
  }

  /** Whether the sweep is still running. */
  override readsBatchLogs(): boolean {
    return this.#kept !== undefined;
  }

  /** Clear the last sweep and keep the weights and the learning rate. */
  override async onTrainBegin(): Promise<void> {
    const restored = this.#restored;
    await this.close();
    if (restored === undefined) {
      this.#sweep.clear();
      this.suggestion = undefined;
    }
    if (this.#plot !== undefined) {
      // Fail before the first batch if the file is not writable.
      this.#fs ??= getRuntime().fs;
      await probePath(this.#plot, "file", { fs: this.#fs });
    }
    if (restored === undefined) this.#kept = await ModelSnapshot.take(this.model);
    else if (restored.kept !== undefined) {
      this.#kept = await ModelSnapshot.from(this.model, restored.kept);
    }
  }

  /** Set the learning rate of this step. */
  override onTrainBatchBegin(): void {
    if (this.#kept === undefined) return;
    const { minLearningRate, maxLearningRate } = this.#options;
    setLearningRate(
      this.model.optimizer,
      minLearningRate * (maxLearningRate / minLearningRate) ** this.#sweep.progress,
    );
  }

  /** Record the loss of this step; the last one ends the sweep and training. */
  override onTrainBatchEnd(batch: number, logs: Logs): void | Promise<void> {
    if (this.#kept === undefined) return;
    const loss = this.#batchLoss.of(batch, logs.loss, this.params);
    const hasDiverged = !this.#sweep.add(getLearningRate(this.model), loss);
    if (hasDiverged || this.#sweep.isDone) return this.#finish(hasDiverged);
  }

  /** Warn when training ended before the sweep did, and restore weights and learning rate. */
  override async onTrainEnd(): Promise<void> {
    if (this.#kept === undefined) return;
    const { steps } = this.#options;
    console.warn(
      `keepfit: LearningRateFinder received ${this.learningRates.length} of its ${steps} steps: ` +
        `train for more epochs, or set fewer steps`,
    );
    await this.#finish(false);
  }

  /** Restore the model if the sweep is not done, and release the copies. */
  override async close(): Promise<void> {
    const kept = this.#kept;
    this.#kept = undefined;
    this.#restored = undefined;
    await kept?.restore();
  }

  /** The steps of the sweep, and the model before it. */
  async getState(): Promise<CallbackState> {
    const { suggestion } = this;
    const { sum, rows } = this.#batchLoss;
    const kept = await this.#kept?.getState() ?? this.#restored?.kept;
    return { ...this.#sweep.getState(), suggestion, sum, rows, kept } as unknown as CallbackState;
  }

  /** Continue the sweep, or use its result; the next `onTrainBegin` does not clear it. */
  setState(state: CallbackState): void {
    const { kept, suggestion, sum, rows, ...steps } = state as unknown as FinderState;
    this.#sweep.setState(steps);
    this.suggestion = suggestion;
    Object.assign(this.#batchLoss, { sum, rows });
    this.#restored = { kept };
  }

  async #finish(hasDiverged: boolean): Promise<void> {
    await this.close();
    this.suggestion = this.#sweep.steepest();
    if (this.#options.afterwards === "stop") this.model.stopTraining = true;
    else if (this.suggestion !== undefined) {
      setLearningRate(this.model.optimizer, this.suggestion);
    }
    if (Number(this.#options.verbose) > 0) this.#print(hasDiverged);
    if (this.#plot !== undefined && this.losses.length > 1) {
      await (this.#fs as FileSystem).writeFile(
        this.#plot,
        drawSweep({ ...this.#sweep, suggestion: this.suggestion }),
      );
    }
  }

  #print(hasDiverged: boolean): void {
    const { minLearningRate, maxLearningRate } = this.#options;
    const last = this.learningRates.at(-1) ?? minLearningRate;
    console.log(
      this.suggestion === undefined
        ? `LearningRateFinder: no rate from ${minLearningRate} to ${maxLearningRate} lowered the ` +
          `loss`
        : `LearningRateFinder: suggestion ${this.suggestion.toPrecision(3)}, ` +
          (hasDiverged ? `the loss diverges at ${last.toPrecision(3)}` : `the loss never diverged`),
    );
  }
}

/** Saved state; without `kept`, the sweep is done. */
interface FinderState extends SweepState {
  suggestion: number | undefined;
  sum: number;
  rows: number;
  kept: SnapshotState | undefined;
}
