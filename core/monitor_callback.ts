import { Callback, type CallbackOptions } from "./callback.ts";
import { classNameOf } from "./class_name.ts";
import type { Logs } from "./logs.ts";
import {
  Monitor,
  type MonitoredValue,
  type MonitorFunction,
  type MonitorMode,
  type MonitorRules,
} from "./monitor.ts";

export type { Monitor, MonitoredValue, MonitorFunction, MonitorMode, MonitorRules };

/** Options of every callback that watches a value of the epoch logs. */
export interface MonitorOptions extends CallbackOptions, MonitorRules {}

/**
 * A callback that watches one value and remembers the best. EarlyStopping, ModelCheckpoint and
 * ReduceLROnPlateau extend it. Values are compared as float64; Keras compares as float32.
 *
 * Source: `keras/src/callbacks/monitor_callback.py`.
 */
export class MonitorCallback extends Callback {
  /** Its name in messages and saved states. */
  static override readonly className: string = "MonitorCallback";

  /** What is watched, with its best value. */
  protected readonly watched: Monitor;

  /**
   * Watch one value of the logs.
   *
   * @param options what to watch
   * @param best value that must be beaten first; undefined for none
   */
  constructor(options: MonitorOptions = {}, best?: number) {
    super(options);
    this.watched = new Monitor(classNameOf(this), options, best);
  }

  /** The log key it watches, or the name of the function that computes the value. */
  get monitor(): string {
    return this.watched.name;
  }

  /** What it watches, and which way that improves. */
  override get stateKey(): string {
    return this.watched.stateKey(this.params);
  }

  /** Least change that counts, not negative. */
  get minDelta(): number {
    return this.watched.minDelta;
  }

  /** Unit of `minDelta`. */
  get minDeltaMode(): "absolute" | "relative" {
    return this.watched.minDeltaMode;
  }

  /** The best value so far; undefined before the first one. */
  get best(): number | undefined {
    return this.watched.best;
  }
  set best(best: number | undefined) {
    this.watched.best = best;
  }

  /** `"min"` or `"max"` once known, `"auto"` before. */
  get mode(): MonitorMode {
    return this.watched.mode;
  }
  set mode(mode: MonitorMode) {
    this.watched.mode = mode;
  }

  /**
   * Find the direction of improvement, if it is not known yet. Call it when a run begins, so that a
   * monitor of unknown direction fails before the first batch.
   *
   * @throws TypeError when `mode` is `"auto"` and nothing tells the direction
   */
  resolveMode(): void {
    this.watched.resolveMode(this.params);
  }

  /**
   * The watched value of these logs; warns once a run when it is missing.
   *
   * @returns a promise where a function that is watched returns a promise or a tensor
   * @throws TypeError for a value that is no number
   */
  monitorValue(
    logs: Logs,
    consequence: string,
  ): number | undefined | Promise<number | undefined> {
    return this.watched.valueIn(logs, consequence, this.params);
  }

  /** Let a missing value be warned about again: call it when a run begins. */
  resetMonitorWarning(): void {
    this.watched.resetWarning();
  }

  /**
   * True when `value` is better than `reference` by more than `minDelta`.
   *
   * @throws TypeError when `mode` is `"auto"` and nothing tells the direction
   */
  isImprovement(value: number, reference: number | undefined): boolean {
    this.resolveMode();
    return this.watched.isImprovement(value, reference);
  }
}
