import type * as tf from "@tensorflow/tfjs";
import type { Compiled } from "../tfjs/compiled.ts";
import { getEngine } from "../tfjs/engine.ts";
import type { RatioMetric } from "../tfjs/metrics.ts";
import type { PackedMeasures } from "./step.ts";

/** One number of the logs. */
export interface Measure {
  name: string;
  /** Ratio of sums, for a metric that is not a mean of batch values. Default: undefined. */
  ratio?: RatioMetric;
}

/** The measures of a step in order: losses, then metrics. */
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
 * The numbers of a training or a validation pass: sums over its batches in float64. Values of a
 * device that must be awaited stay there until they are read.
 */
export class RunningMeans {
  readonly #measures: Measure[];
  /** Indices of the measures, by name. */
  readonly #sorted: number[];
  readonly #sums: number[][];
  #rows = 0;
  #pending: { values: tf.Tensor; sizes: number[]; rows: number }[] = [];

  /** @param measures the measures, in the order of the values */
  constructor(measures: Measure[]) {
    this.#measures = measures;
    this.#sorted = measures.map((_, i) => i)
      .sort((a, b) => measures[a].name < measures[b].name ? -1 : 1);
    this.#sums = measures.map(() => []);
  }

  /**
   * Add a batch. A tensor of values is disposed after it was read.
   *
   * @param packed for each measure its mean, its sums, or its sum and the number of steps
   * @param rows rows of the batch, the weight of its means
   * @returns a promise if the device must be awaited
   */
  add({ values, sizes }: PackedMeasures, rows: number): void | Promise<void> {
    if (Array.isArray(values)) return this.#count(values, sizes, rows);
    this.#pending.push({ values, sizes, rows });
    // Read in groups, so that vectors do not fill the device in a long epoch.
    return this.#pending.length < 128 ? undefined : this.#read();
  }

  /**
   * Means and ratios over all batches so far, keys sorted; empty before the first batch.
   *
   * @returns a promise if values are still on the device
   */
  logs(): Record<string, number> | Promise<Record<string, number>> {
    return this.#pending.length > 0 ? this.#read().then(() => this.#logs()) : this.#logs();
  }

  /**
   * The sums over all batches so far.
   *
   * @returns a promise if values are still on the device
   */
  getState(): MeansState | Promise<MeansState> {
    return this.#pending.length > 0 ? this.#read().then(() => this.#state()) : this.#state();
  }

  /** Continue from these sums, or from zero if they belong to other measures. */
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

  /** Dispose values that are still on the device. */
  dispose(): void {
    for (const { values } of this.#pending) values.dispose();
    this.#pending = [];
  }

  async #read(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    const joined = join(pending.map(({ values }) => values));
    try {
      const read = await joined.data();
      let at = 0;
      for (const { values: { size }, sizes, rows } of pending) {
        this.#count(read.subarray(at, at += size), sizes, rows);
      }
    } finally {
      joined.dispose();
    }
  }

  #state(): MeansState {
    const sums = this.#measures.map(({ name }, i) => [name, this.#sums[i].slice()] as const);
    return { rows: this.#rows, sums: Object.fromEntries(sums) };
  }

  #count(values: ArrayLike<number>, sizes: readonly number[], rows: number): void {
    let at = 0;
    for (let measure = 0; measure < sizes.length; measure++) {
      const sums = this.#sums[measure];
      // Sums, including those of a masked metric, are added; means are weighted by rows.
      const isMean = this.#measures[measure].ratio === undefined && sizes[measure] === 1;
      const weight = isMean ? rows : 1;
      for (let i = 0; i < sizes[measure]; i++) {
        sums[i] = (sums[i] ?? 0) + values[at++] * weight;
      }
    }
    this.#rows += rows;
  }

  #logs(): Record<string, number> {
    const logs: Record<string, number> = {};
    if (this.#rows === 0) return logs;
    for (const i of this.#sorted) {
      const { name, ratio } = this.#measures[i];
      const [sum, count = this.#rows] = this.#sums[i];
      logs[name] = ratio?.result(this.#sums[i].slice()) ?? sum / count;
    }
    return logs;
  }
}

/** One vector of several, which takes one read; the others are disposed. */
function join(vectors: tf.Tensor[]): tf.Tensor {
  if (vectors.length === 1) return vectors[0];
  try {
    return getEngine().tidy(() => {
      const [first, ...rest] = vectors.map((one) => one.reshape([one.size]));
      // tfjs's types want one tensor here, its code takes many.
      return first.concat(rest as unknown as tf.Tensor);
    });
  } finally {
    for (const vector of vectors) vector.dispose();
  }
}
