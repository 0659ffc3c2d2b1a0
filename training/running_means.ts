import type * as tf from "@tensorflow/tfjs";
import type { Compiled } from "../tfjs/compiled.ts";
import type { RatioMetric } from "../tfjs/metrics.ts";

/** One number of the logs. */
export interface Measure {
  name: string;
  /** How to count it, when a mean of batch values would be wrong. */
  ratio?: RatioMetric;
}

/** The numbers that a step gives, in its order: losses, then metrics. */
export function measuresOf({ outputNames, metrics }: Compiled): Measure[] {
  return [
    { name: "loss" },
    ...(outputNames.length > 1 ? outputNames.map((name) => ({ name: `${name}_loss` })) : []),
    ...metrics,
  ];
}

/** The keys that epoch logs will have, sorted; with validation the `val_` ones too. */
export function logKeys(compiled: Compiled, validates: boolean): string[] {
  const names = measuresOf(compiled).map(({ name }) => name);
  return [...names, ...(validates ? names.map((name) => `val_${name}`) : [])].sort();
}

/** Sums of a {@linkcode RunningMeans} as plain data. */
export type MeansState = {
  /** Rows counted. */
  rows: number;
  /** Sums of each measure, by its name. */
  sums: { [measure: string]: number[] };
};

/**
 * The numbers of a training or a validation pass: sums over its batches, added up as float64. On a
 * device that must be waited for they stay there until somebody reads them.
 */
export class RunningMeans {
  readonly #measures: Measure[];
  /** Indices of the measures, by name. */
  readonly #sorted: number[];
  readonly #synchronous: boolean;
  readonly #sums: number[][];
  #rows = 0;
  #pending: { values: tf.Tensor[]; rows: number }[] = [];

  /**
   * @param measures what is counted, in the order of the values
   * @param synchronous true where the backend reads without waiting
   */
  constructor(measures: Measure[], synchronous: boolean) {
    this.#measures = measures;
    this.#sorted = measures.map((_, i) => i)
      .sort((a, b) => measures[a].name < measures[b].name ? -1 : 1);
    this.#synchronous = synchronous;
    this.#sums = measures.map(() => []);
  }

  /**
   * Count a batch. Takes over `values`.
   *
   * @param values one scalar per measure, or the vector of its sums
   * @param rows rows of the batch, the weight of its means
   * @returns a promise when it had to wait for the device
   */
  add(values: tf.Tensor[], rows: number): void | Promise<void> {
    if (!this.#synchronous) {
      this.#pending.push({ values, rows });
      // Read together now and then, so that a long epoch does not fill the device with scalars.
      return this.#pending.length < 128 ? undefined : this.#read();
    }
    try {
      for (let i = 0; i < values.length; i++) this.#count(i, values[i].dataSync(), rows);
      this.#rows += rows;
    } finally {
      for (const value of values) value.dispose();
    }
  }

  /**
   * Means and ratios over all batches so far, keys sorted; empty before the first batch.
   *
   * @returns a promise when values wait on the device
   */
  logs(): Record<string, number> | Promise<Record<string, number>> {
    return this.#pending.length > 0 ? this.#read().then(() => this.#logs()) : this.#logs();
  }

  /**
   * The sums over all batches so far.
   *
   * @returns a promise when values wait on the device
   */
  getState(): MeansState | Promise<MeansState> {
    return this.#pending.length > 0 ? this.#read().then(() => this.#state()) : this.#state();
  }

  /** Continue from these sums; from none when they are of other measures. */
  setState({ rows, sums }: MeansState): void {
    this.reset();
    if (!this.#measures.every(({ name }) => Array.isArray(sums[name]))) return;
    this.#measures.forEach(({ name }, i) => this.#sums[i] = [...sums[name]]);
    this.#rows = rows;
  }

  /** Forget all batches. */
  reset(): void {
    this.dispose();
    this.#rows = 0;
    for (const sums of this.#sums) sums.length = 0;
  }

  /** Drop what waits on the device. */
  dispose(): void {
    for (const { values } of this.#pending) for (const value of values) value.dispose();
    this.#pending = [];
  }

  async #read(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    try {
      const read = await Promise.all(
        pending.map(({ values }) => Promise.all(values.map((value) => value.data()))),
      );
      read.forEach((values, batch) => {
        values.forEach((value, i) => this.#count(i, value, pending[batch].rows));
        this.#rows += pending[batch].rows;
      });
    } finally {
      for (const { values } of pending) for (const value of values) value.dispose();
    }
  }

  #state(): MeansState {
    const sums = this.#measures.map(({ name }, i) => [name, this.#sums[i].slice()] as const);
    return { rows: this.#rows, sums: Object.fromEntries(sums) };
  }

  #count(measure: number, values: ArrayLike<number>, rows: number): void {
    const sums = this.#sums[measure];
    // Sums are sums already; means weigh by their rows.
    const weight = this.#measures[measure].ratio === undefined ? rows : 1;
    for (let i = 0; i < values.length; i++) sums[i] = (sums[i] ?? 0) + values[i] * weight;
  }

  #logs(): Record<string, number> {
    const logs: Record<string, number> = {};
    if (this.#rows === 0) return logs;
    for (const i of this.#sorted) {
      const { name, ratio } = this.#measures[i];
      logs[name] = ratio?.result(this.#sums[i].slice()) ?? this.#sums[i][0] / this.#rows;
    }
    return logs;
  }
}
