/** The traces that make_traces.py has made, as the replay reads them. */
import { readFileSync } from "node:fs";

/** What is to be seen after a step, by name: state that has changed, and what happened in it. */
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
  /** Rows of validation data, or below 1 the part to split off. */
  validation?: number;
  /** True where the data comes from a generator. */
  dataset?: boolean;
  stop?: [flag: string, hook: string, nth: number];
  /** The row whose target is infinite. */
  infinite?: number;
  /** Callbacks that stand before the one that watches. */
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

/** A value as text, with the order of its keys; what is not there is null, as in Python. */
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

/** Keras's name in ours: `save_best_only` is `saveBestOnly`. */
export function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The same, numbers to the six digits that Keras's float32 has; keys in the same order. */
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

/** What a trace says of a schedule. */
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

/** True where Python's error is ours: it has one class for what is three here. */
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

// What JSON has no word for.
const words = new Map<unknown, number>([["#nan", NaN], ["#inf", Infinity], ["#-inf", -Infinity]]);
