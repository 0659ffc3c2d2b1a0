/** Reads the traces written by make_traces.py. */
import { readFileSync } from "node:fs";

/** Observed values after a step, by name: changed state, and events of the step. */
export type Seen = Record<string, unknown>;

/** A kind of callback and its options, in Keras's names. */
export type Made = [kind: string, options: Record<string, unknown>];

/** Callbacks that are driven hook by hook. */
export interface Scenario {
  name: string;
  make: Made[];
  params?: { verbose: number | "auto"; epochs: number; steps: number | null };
  lr?: number;
  steps: [step: [verb: string, ...args: unknown[]], seen: Seen][];
}

/** A fit, evaluate or predict of a real model. */
export interface FitScenario {
  name: string;
  call: "fit" | "evaluate" | "predict";
  rows: number;
  outputs?: number;
  metrics?: string[];
  /** Rows of validation data; below 1, the fraction to split off. */
  validation?: number;
  /** Whether the data comes from a generator. */
  dataset?: boolean;
  stop?: [flag: string, hook: string, nth: number];
  /** Row with an infinite target. */
  infinite?: number;
  /** Callbacks in front of the recording one. */
  make?: Made[];
  options?: Record<string, unknown>;
  seen: Seen;
}

/** The groups that are replayed hook by hook. */
export const groups = [
  "early_stopping",
  "reduce_lr_on_plateau",
  "model_checkpoint",
  "learning_rate_scheduler",
  "terminate_on_nan",
  "lambda_callback",
  "history",
  "csv_logger",
  "progress",
  "remote_monitor",
  "callback_list",
] as const;

/** One file of traces. */
export function readTraces(name: string): Record<string, unknown> {
  const text = readFileSync(new URL(`./traces/${name}.json`, import.meta.url), "utf8");
  return JSON.parse(text, (_, value) => words.has(value) ? words.get(value) : value);
}

/** The scenarios of one group. */
export function readScenarios<S extends Scenario | FitScenario>(group: string): S[] {
  return readTraces(group).scenarios as S[];
}

/** A value as text, with its keys in order; undefined becomes null, as in Python. */
export function textOf(value: unknown): string {
  return JSON.stringify(
    value,
    (_, one) =>
      typeof one === "number" && !Number.isFinite(one)
        ? `#${one}`
        : Object.is(one, -0)
        ? "-0.0"
        : one,
  ) ?? "null";
}

/** A name of Keras in camelCase: `save_best_only` becomes `saveBestOnly`. */
export function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Whether values are equal, numbers to the six digits of Keras's float32, keys in the same order.
 */
export function isNear(keras: unknown, ours: unknown): boolean {
  if (typeof keras === "number" && typeof ours === "number") {
    return Object.is(keras, ours) || Math.abs(keras - ours) <= 2e-6 * Math.max(1, Math.abs(keras));
  }
  if (typeof keras !== "object" || typeof ours !== "object" || !keras || !ours) {
    return keras === ours;
  }
  const [one, two] = [Object.entries(keras), Object.entries(ours)];
  return one.length === two.length &&
    one.every(([key, value], i) => key === two[i][0] && isNear(value, two[i][1]));
}

/** A schedule in a trace. */
export interface Schedule {
  times?: number;
  table?: number[];
  fails?: string;
  returns?: string;
}

/** The schedule of keras_driver.py. */
export function scheduleOf({ times, table, fails, returns }: Schedule): unknown {
  if (times !== undefined) return (_: number, rate: number) => rate * times;
  if (table !== undefined) return (epoch: number) => table[epoch];
  if (fails !== undefined) {
    return () => {
      throw fails === "TypeError" ? new TypeError("no") : new RangeError("no");
    };
  }
  const values: Record<string, unknown> = { none: null, int: 1, text: "1", nan: NaN, float16: 1 };
  return () => values[returns as string];
}

/** Whether our error matches Python's, which has one class for three of ours. */
export function isSameError(keras: unknown, ours: unknown): boolean {
  return sameErrors[keras as string]?.includes(ours as string) ?? keras === ours;
}

const sameErrors: Record<string, string[]> = {
  ValueError: ["TypeError", "RangeError", "SyntaxError"],
  TypeError: ["TypeError"],
  KeyError: ["RangeError"],
  IndexError: ["SyntaxError"],
  RuntimeError: ["RangeError"],
};

// Numbers that JSON cannot represent.
const words = new Map<unknown, number>([["#nan", NaN], ["#inf", Infinity], ["#-inf", -Infinity]]);
