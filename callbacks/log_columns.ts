import type { Logs } from "../core/logs.ts";
import { pythonFloat } from "./python_format.ts";

/** Options of {@linkcode LogColumns}. */
export interface LogColumnsOptions {
  /** Whether to add a column for a key that appears later. */
  allKeys: boolean;
  /** Whether to add a `val_` column for each key if the first epoch has none. */
  reserveValColumns: boolean;
}

/** The columns of a CSV log after `epoch`, and the text of its cells. */
export class LogColumns {
  /** Names of the columns; undefined until the first row or until a header is read. */
  names: string[] | undefined;
  readonly #options: LogColumnsOptions;
  #hasWarned = false;

  /** @param options which keys have a column */
  constructor(options: LogColumnsOptions) {
    this.#options = options;
  }

  /** The first row of the file. */
  get header(): string[] {
    return ["epoch", ...this.names ?? []];
  }

  /** Allow another warning about keys without a column. Call it when a run begins. */
  resetWarning(): void {
    this.#hasWarned = false;
  }

  /** Create the columns from the first row, or with `allKeys` add and return those of new keys. */
  fit(logs: Logs): string[] {
    if (this.names === undefined) {
      this.names = this.#columnsOf(logs);
      return [];
    }
    if (!this.#options.allKeys) return [];
    const added = this.#without(logs).sort();
    this.names.push(...added);
    return added;
  }

  /**
   * The row of an epoch as text, if that needs no quotes: if it only has numbers, each with a column.
   *
   * @param separator a character that no number contains
   */
  plainRow(epoch: number, logs: Logs, separator: string): string | undefined {
    const { names = [] } = this;
    if (Object.hasOwn(logs, "epoch")) return undefined;
    for (const key in logs) if (!names.includes(key)) return undefined;
    let row = String(epoch);
    for (const name of names) {
      const value = logs[name];
      if (typeof value === "number") row += separator + pythonFloat(value);
      else if (!Object.hasOwn(logs, name)) row += separator + missing;
      else return undefined;
    }
    return row;
  }

  /** The cells of an epoch. Warns once about keys without a column. */
  row(epoch: number, logs: Logs): string[] {
    const others = this.#without(logs);
    if (others.length > 0 && !this.#hasWarned) {
      this.#hasWarned = true;
      console.warn(
        `keepfit: CSVLogger has no column for ${others.join(", ")}, which is omitted; ` +
          `its columns are ${this.header.join(",")}`,
      );
    }
    // Python distinguishes ints and floats; only the epoch is an int.
    const first = Object.hasOwn(logs, "epoch") ? pythonText(logs.epoch) : String(epoch);
    const cells = (this.names ?? []).map((name) =>
      Object.hasOwn(logs, name) ? pythonText(logs[name]) : missing
    );
    return [first, ...cells];
  }

  #columnsOf(logs: Logs): string[] {
    const keys = Object.keys(logs).sort();
    const isReserving = this.#options.reserveValColumns &&
      !keys.some((key) => key.startsWith("val_"));
    return isReserving ? [...keys, ...keys.map((key) => `val_${key}`)] : keys;
  }

  /** Keys that have no column. */
  #without(logs: Logs): string[] {
    return Object.keys(logs).filter((name) => !this.names?.includes(name));
  }
}

/** The cell of a missing value. */
export const missing = "NA";

/** A value as Python's csv writer formats it. */
function pythonText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return isList(value) ? `"${pythonStr(value)}"` : pythonStr(value);
}

/** A value as Python's `str` formats it, except that text in lists and dicts has no quotes. */
function pythonStr(value: unknown): string {
  if (typeof value === "number") return pythonFloat(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value === null || value === undefined) return "None";
  if (isList(value)) return `[${Array.from(value, pythonStr).join(", ")}]`;
  if (Object.prototype.toString.call(value) !== "[object Object]") return String(value);
  const items = Object.entries(value as object).map(([key, item]) =>
    `'${key}': ${pythonStr(item)}`
  );
  return `{${items.join(", ")}}`;
}

function isList(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}
