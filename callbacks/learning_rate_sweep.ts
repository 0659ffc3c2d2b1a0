import type { Params } from "../core/callback.ts";
import { batchesOfExecution } from "../core/execution.ts";

/** Completed steps of a sweep. */
export type SweepState = {
  learningRates: number[];
  losses: number[];
  smoothedLosses: number[];
  average: number;
};

/** The rates and losses of a learning rate sweep, and the suggestion from them. */
export class LearningRateSweep {
  /** Rate of each step. */
  readonly learningRates: number[] = [];
  /** Loss of each step, of its batch only. */
  readonly losses: number[] = [];
  /** The losses, smoothed. */
  readonly smoothedLosses: number[] = [];
  readonly #options: { steps: number; smoothing: number; divergence: number };
  #average = 0;

  /** @param options number of steps, smoothing factor, and limit of the loss */
  constructor(options: { steps: number; smoothing: number; divergence: number }) {
    this.#options = options;
  }

  /** Whether all steps are done. */
  get isDone(): boolean {
    return this.learningRates.length === this.#options.steps;
  }

  /** Progress of the sweep, from 0 to 1 at its last step. */
  get progress(): number {
    return this.learningRates.length / (this.#options.steps - 1);
  }

  /** The steps, as plain data. */
  getState(): SweepState {
    return {
      learningRates: [...this.learningRates],
      losses: [...this.losses],
      smoothedLosses: [...this.smoothedLosses],
      average: this.#average,
    };
  }

  /** Continue after the steps of {@linkcode getState}. */
  setState({ learningRates, losses, smoothedLosses, average }: SweepState): void {
    this.clear();
    this.learningRates.push(...learningRates);
    this.losses.push(...losses);
    this.smoothedLosses.push(...smoothedLosses);
    this.#average = average;
  }

  /** Remove all steps. */
  clear(): void {
    for (const list of [this.learningRates, this.losses, this.smoothedLosses]) list.length = 0;
    this.#average = 0;
  }

  /**
   * Add a step. One without a finite loss is ignored.
   *
   * @returns false if the loss diverges
   */
  add(learningRate: number, loss: number): boolean {
    const smoothed = this.#smooth(loss);
    const lowest = Math.min(smoothed, ...this.smoothedLosses);
    // A multiple of a loss that may be negative is meaningless.
    const isFarUp = lowest > 0 && smoothed > lowest * this.#options.divergence;
    const hasDiverged = isFarUp && this.losses.length >= this.#settled;
    if (!Number.isFinite(loss)) return false;
    this.learningRates.push(learningRate);
    this.losses.push(loss);
    this.smoothedLosses.push(smoothed);
    return !hasDiverged;
  }

  /** Rate with the steepest fall of the smoothed loss between the previous and the next step. */
  steepest(): number | undefined {
    const losses = this.smoothedLosses;
    let lowest = 0;
    let found: number | undefined;
    for (let step = this.#settled; step < losses.length - 1; step++) {
      const slope = losses[step + 1] - losses[step - 1];
      if (slope < lowest) [lowest, found] = [slope, this.learningRates[step]];
    }
    return found;
  }

  /** Number of steps until the average is meaningful: a tenth. */
  get #settled(): number {
    return Math.max(Math.floor(this.#options.steps / 10), 1);
  }

  /** A running average with bias correction. */
  #smooth(loss: number): number {
    const { smoothing } = this.#options;
    this.#average = smoothing * this.#average + (1 - smoothing) * loss;
    return this.#average / (1 - smoothing ** (this.losses.length + 1));
  }
}

/** Computes the loss of each execution from the mean over the rows since the epoch began. */
export class BatchLoss {
  /** Sum over the rows since the epoch began. */
  sum = 0;
  /** Rows since the epoch began. */
  rows = 0;

  /**
   * The loss of the execution that ends with this batch, which must follow the previous one; the
   * one with batch 0 begins an epoch.
   */
  of(batch: number, mean: number, params: Params | null): number {
    const batches = batchesOfExecution(batch, params);
    const first = batch + 1 - batches;
    if (first === 0) [this.sum, this.rows] = [0, 0];
    const { batchSize, samples } = params ?? {};
    const left = batchSize && samples ? samples - first * batchSize : 0;
    const full = batches * (batchSize || 1);
    const rows = left > 0 ? Math.min(full, left) : full;
    const sum = mean * (this.rows + rows);
    const loss = (sum - this.sum) / rows;
    this.sum = sum;
    this.rows += rows;
    return loss;
  }
}
