import type { Params } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import type { Monitor } from "../core/monitor.ts";

/** Options of {@linkcode Patience}. */
export interface PatienceLimits {
  /** Epochs without improvement before it runs out; 0 and 1 are the same. Default: 0. */
  patience?: number;
  /** Value that an improvement must also beat to reset the count. Default: none. */
  baseline?: number;
  /** First monitored epoch, 0-based. Default: 0. */
  startFromEpoch?: number;
}

/** Plain data of a {@linkcode Patience}. */
export type PatienceState = { best: number | undefined; wait: number; isOut: boolean };

/** Counts the epochs in which one monitor does not improve. */
export class Patience {
  /** The monitored value. */
  readonly monitor: Monitor;
  /** Whether the last counted epoch was the best so far. */
  isBetter = false;
  /** Whether patience has run out. */
  isOut = false;
  readonly #limits: PatienceLimits;

  /**
   * @param monitor the monitored value
   * @param limits patience, baseline and first epoch
   */
  constructor(monitor: Monitor, limits: PatienceLimits) {
    this.monitor = monitor;
    this.#limits = limits;
  }

  /** Begin a run, from the first epoch or from a restored state. */
  begin(params: Params | null, isResumed: boolean): void {
    this.monitor.resetWarning();
    if (!isResumed) this.setState({ best: undefined, wait: 0, isOut: false });
    // Without the keys, the direction is determined at the end of the first epoch.
    if (params?.metrics !== undefined) this.monitor.resolveMode(params);
  }

  /** The value of an epoch, for {@linkcode count}. */
  valueIn(logs: Logs, params: Params | null): ReturnType<Monitor["valueIn"]> {
    this.monitor.resolveMode(params);
    return this.monitor.valueIn(logs, "it does not stop training", params);
  }

  /** Count an epoch. Returns false if it has no value or is not monitored. */
  count(epoch: number, value: number | undefined): boolean {
    const { monitor } = this;
    const { patience = 0, baseline, startFromEpoch = 0 } = this.#limits;
    if (value === undefined || epoch < startFromEpoch) return false;
    monitor.wait++;
    this.isBetter = monitor.isImprovement(value, monitor.best);
    if (this.isBetter) {
      monitor.best = value;
      if (baseline === undefined || monitor.isImprovement(value, baseline)) monitor.wait = 0;
    }
    this.isOut = !this.isBetter && monitor.wait >= patience;
    return true;
  }

  /** The best value and the count. */
  getState(): PatienceState {
    return { best: this.monitor.best, wait: this.monitor.wait, isOut: this.isOut };
  }

  /** Continue from a state of {@linkcode getState}. */
  setState({ best, wait, isOut }: PatienceState): void {
    this.monitor.best = best;
    this.monitor.wait = wait;
    this.isOut = isOut;
  }
}
