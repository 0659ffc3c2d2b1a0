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

/** Options of every callback that monitors a value of the epoch logs. */
export interface MonitorOptions extends CallbackOptions, MonitorRules {}

/**
 * Base class of callbacks that monitor one value and keep the best, such as ModelCheckpoint and
 * ReduceLROnPlateau. Values are compared as float64; Keras compares float32.
 *
 * Source: `keras/src/callbacks/monitor_callback.py`.
 */
export class MonitorCallback extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "MonitorCallback";

  /** The monitor, with its best value. */
  protected readonly watched: Monitor;

  /**
   * Monitor one value of the logs.
   *
   * @param options the monitored value
   * @param best value that must be beaten first; undefined for none
   */
  constructor(options: MonitorOptions = {}, best?: number) {
    super(options);
    this.watched = new Monitor(classNameOf(this), options, best);
  }

  /** The monitored log key, or the name of the function that computes the value. */
  get monitor(): string {
    return this.watched.name;
  }

  /** The monitored value and its direction of improvement. */
  override get stateKey(): string {
    return this.watched.stateKey(this.params);
  }

  /** Minimum change that counts, not negative. */
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
   * Determine the direction of improvement, if it is not known yet. Call it when a run begins, so
   * that an unknown direction fails before the first batch.
   *
   * @throws TypeError if `mode` is `"auto"` and the direction is unknown
   */
  resolveMode(): void {
    this.watched.resolveMode(this.params);
  }

  /**
   * The monitored value of these logs; warns once per run if it is missing.
   *
   * @returns a promise if a monitor function returns a promise or a tensor
   * @throws TypeError for a value that is not a number
   */
  monitorValue(
    logs: Logs,
    consequence: string,
  ): number | undefined | Promise<number | undefined> {
    return this.watched.valueIn(logs, consequence, this.params);
  }

  /** Allow another warning about a missing value. Call it when a run begins. */
  resetMonitorWarning(): void {
    this.watched.resetWarning();
  }

  /**
   * Whether `value` is better than `reference` by more than `minDelta`.
   *
   * @throws TypeError if `mode` is `"auto"` and the direction is unknown
   */
  isImprovement(value: number, reference: number | undefined): boolean {
    this.resolveMode();
    return this.watched.isImprovement(value, reference);
  }
}
