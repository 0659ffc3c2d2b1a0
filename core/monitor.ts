import type { Params } from "./callback.ts";
import { showValue } from "./given_options.ts";
import { type Logs, plainValue } from "./logs.ts";
import { directionOf } from "./monitor_direction.ts";
import { isPromise } from "./promise.ts";
import { nearest } from "./unknown_option.ts";

/** Direction in which a monitored value improves; `"auto"` derives it from the metric. */
export type MonitorMode = "auto" | "min" | "max";

/**
 * Computes the monitored value, for example `(logs) => logs.val_loss - logs.loss`. Messages use the
 * function's name. Set `mode`, because nothing else determines its direction.
 *
 * @param logs the epoch logs
 * @returns the value, or a promise or a scalar tensor of it; undefined or null if it is not
 * available
 */
export type MonitorFunction = (logs: Logs) => MonitoredValue | PromiseLike<MonitoredValue>;

/**
 * Result of a {@linkcode MonitorFunction}. A tensor must have one value, and stays the caller's.
 */
export type MonitoredValue =
  | number
  | { readonly size: number; readonly dtype: string; array(): Promise<unknown> }
  | null
  | undefined;

/** Monitored value of a {@linkcode Monitor}, and rules for its improvement. */
export interface MonitorRules {
  /** Key of the epoch logs, or a function of them. Default: `"val_loss"`. */
  monitor?: string | MonitorFunction;
  /**
   * Direction of improvement; `"auto"` supports losses and metrics that declare it. Default:
   * `"auto"`.
   */
  mode?: MonitorMode;
  /** Minimum change that counts as an improvement, exclusive; the sign is ignored. Default: 0. */
  minDelta?: number;
  /**
   * Unit of `minDelta`: that of the value, or with `"relative"` the best value, so that 0.01 is one
   * percent of it. Default: `"absolute"`, as in Keras.
   */
  minDeltaMode?: "absolute" | "relative";
  /**
   * Whether a first NaN becomes the best value, which no later value beats, as in Keras. Default:
   * false, so that NaN is never an improvement.
   */
  nanIsFirstBest?: boolean;
}

/** One monitored value of the epoch logs, with the best one so far. */
export class Monitor {
  /** The log key, or the name of the function that computes the value. */
  readonly name: string;
  /** Minimum change that counts, not negative. */
  readonly minDelta: number;
  /** Unit of `minDelta`. */
  readonly minDeltaMode: "absolute" | "relative";
  /** `"min"` or `"max"` once known, `"auto"` before. */
  mode: MonitorMode;
  /** The best value so far; undefined before the first one. */
  best: number | undefined;
  /** Epochs since the last improvement, for callbacks that count them. */
  wait = 0;
  readonly #owner: string;
  readonly #compute: MonitorFunction | undefined;
  readonly #nanIsFirstBest: boolean;
  #hasWarned = false;

  /**
   * Monitor one value of the logs.
   *
   * @param owner name of the callback, for messages
   * @param rules monitored value, direction and minimum change
   * @param best value that must be beaten first; undefined for none
   */
  constructor(owner: string, rules: MonitorRules = {}, best?: number) {
    const { monitor = "val_loss", mode = "auto" } = rules;
    check(
      owner,
      "monitor",
      monitor,
      ["string", "function"],
      "a key of the logs or a function of them",
    );
    check(owner, "mode", mode, ["string"], `"auto", "min" or "max"`);
    check(owner, "minDelta", rules.minDelta ?? 0, ["number"], "a finite number");
    this.#owner = owner;
    this.#compute = typeof monitor === "function" ? monitor : undefined;
    this.name = typeof monitor === "function" ? monitor.name || "a function" : monitor;
    this.minDelta = Math.abs(rules.minDelta ?? 0);
    this.minDeltaMode = rules.minDeltaMode ?? "absolute";
    this.#nanIsFirstBest = rules.nanIsFirstBest ?? false;
    this.best = best;
    this.mode = mode;
    if (!modes.includes(mode)) {
      console.warn(
        `keepfit: ${owner} mode '${mode}' is unknown, using "auto": ` +
          `mode must be "min", "max" or "auto"` + suggestion(nearest(mode, modes)),
      );
      this.mode = "auto";
    }
  }

  /**
   * Determine the direction of improvement, if it is not known yet.
   *
   * @throws TypeError if `mode` is `"auto"` and the direction is unknown
   */
  resolveMode(params: Params | null): void {
    if (this.mode !== "auto") return;
    const direction = this.#compute === undefined
      ? directionOf(this.name, params?.directions ?? {})
      : undefined;
    if (direction === undefined) {
      const known = params?.metrics ?? [];
      throw new TypeError(
        `Cannot determine whether ${this.#owner} should minimize or maximize ` +
          `'${this.name}': set mode to "min" or "max"` +
          (known.length > 0 ? `. This run logs ${known.join(", ")}` : "") +
          (known.includes(this.name) ? "" : suggestion(nearest(this.name, known))),
      );
    }
    this.mode = direction;
  }

  /** The monitored value and its direction; a best value is meaningless for another monitor. */
  stateKey(params: Params | null): string {
    const direction = this.#compute === undefined
      ? directionOf(this.name, params?.directions ?? {})
      : undefined;
    const mode = this.mode === "auto" ? direction ?? this.mode : this.mode;
    return `monitor ${this.name}, mode ${mode}`;
  }

  /**
   * The monitored value of these logs. Warns if it is missing: once, until
   * {@linkcode resetWarning}.
   *
   * @param consequence end of the warning: the effect of the missing value
   * @returns a promise if the value must be awaited
   * @throws TypeError for a value that is not a number
   */
  valueIn(
    logs: Logs,
    consequence: string,
    params: Params | null,
  ): number | undefined | Promise<number | undefined> {
    const value = plainValue(this.#compute === undefined ? logs[this.name] : this.#compute(logs));
    return isPromise(value)
      ? (value as Promise<unknown>).then((value) => this.#checked(value, logs, consequence, params))
      : this.#checked(value, logs, consequence, params);
  }

  #checked(
    value: unknown,
    logs: Logs,
    consequence: string,
    params: Params | null,
  ): number | undefined {
    if (typeof value === "number") return value;
    if (value !== undefined && value !== null) {
      throw new TypeError(
        `Cannot monitor '${this.name}' for ${this.#owner}: expected a number, got ${
          showValue(value)
        }`,
      );
    }
    if (!this.#hasWarned) {
      this.#hasWarned = true;
      const keys = Object.keys(logs).filter((key) => typeof logs[key] === "number");
      console.warn(
        `keepfit: ${this.#owner} monitors '${this.name}', which is not available; ` +
          `${consequence}${this.#hint(keys, params)}. Available are: ${keys.join(",")}`,
      );
    }
    return undefined;
  }

  /** Allow another warning about a missing value. Call it when a run begins. */
  resetWarning(): void {
    this.#hasWarned = false;
  }

  /** Whether `value` is better than `reference` by more than `minDelta`, in a known direction. */
  isImprovement(value: number, reference: number | undefined): boolean {
    if (Number.isNaN(value) && !(this.#nanIsFirstBest && reference === undefined)) return false;
    if (reference === undefined) return true;
    // A fraction of infinity is meaningless, so any better value counts.
    const unit = Number.isFinite(reference) ? Math.abs(reference) : 0;
    const delta = this.minDelta * (this.minDeltaMode === "relative" ? unit : 1);
    return this.mode === "max" ? value - delta > reference : value + delta < reference;
  }

  /** Suggestion for a monitor that is not among these keys. */
  #hint(keys: string[], params: Params | null): string {
    if (this.#compute !== undefined) return "";
    const trained = this.name.replace(/^val_/, "");
    if (trained === this.name || !keys.includes(trained)) {
      return suggestion(nearest(this.name, keys));
    }
    // The name is right, but this epoch may have no validation.
    return params?.doValidation === false
      ? `; the run has no validation data: pass validationData or validationSplit, or monitor ` +
        `'${trained}'`
      : "";
  }
}

function check(
  owner: string,
  name: string,
  value: unknown,
  types: string[],
  expected: string,
): void {
  if (types.includes(typeof value)) return;
  throw new TypeError(
    `Cannot create ${owner} with ${name} ${showValue(value)}: ${name} must be ${expected}`,
  );
}

const modes: readonly string[] = ["auto", "min", "max"] satisfies MonitorMode[];

function suggestion(name: string | undefined): string {
  return name === undefined ? "" : `; did you mean '${name}'?`;
}
