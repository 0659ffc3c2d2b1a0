import { addOtherNames, type Logs } from "../../../core/logs.ts";
import type { LogNames } from "../log_names.ts";
import { cellCount, firstValue } from "./protocol.ts";

/** The names of a hook call's logs, which both sides know by number, so that only values cross. */
export interface Layout {
  id: number;
  names: string[];
  /** Names, and the other name of each. */
  others: [name: string, other: string][];
}

const mostLayouts = 64;
const maxNames = Math.floor((cellCount - firstValue) / 4);

/** The layouts that the sandbox knows. */
export class Layouts {
  readonly #known = new Map<string, Layout>();
  /** The layout of the last call, which the next call usually shares. */
  #last: Layout | undefined;

  /**
   * The layout of these logs. Values that are not numbers are omitted.
   *
   * @throws RangeError for too many logs
   */
  of(logs: Logs): { layout: Layout; isNew: boolean } {
    const names: string[] = [];
    for (const name of Object.keys(logs)) {
      if (typeof logs[name] === "number") names.push(name);
    }
    const last = this.#last;
    if (last !== undefined && isSame(last.names, names)) return { layout: last, isNew: false };
    // Compared one by one, because a name may contain any separator.
    const key = JSON.stringify(names);
    const known = this.#known.get(key);
    if (known !== undefined) return { layout: this.#last = known, isNew: false };
    if (names.length > maxNames) {
      throw new RangeError(
        `Cannot pass logs into the sandbox: expected at most ${maxNames}, got ${names.length}`,
      );
    }
    // Numbering restarts at 0.
    if (this.#known.size === mostLayouts) this.#known.clear();
    const layout = { id: this.#known.size, names, others: names.flatMap(otherNameOf) };
    this.#known.set(key, layout);
    this.#last = layout;
    return { layout, isNew: true };
  }
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

function otherNameOf(name: string): [string, string][] {
  const named = Object.getOwnPropertyNames(addOtherNames({ [name]: 0 }));
  return named.length === 2 ? [[name, named[1]]] : [];
}

/** Write logs of this layout to the shared cells. */
export function writeLogs(cells: Float64Array, { names }: Layout, logs: Logs): void {
  for (let i = 0; i < names.length; i++) cells[firstValue + i] = logs[names[i]];
}

/** Read changed values; a flag for each value says whether it still is a number. */
export function readLogs(cells: Float64Array, { names }: Layout, logs: Logs): void {
  const isNumber = firstValue + names.length;
  for (let i = 0; i < names.length; i++) {
    const value = cells[firstValue + i];
    if (cells[isNumber + i] === 1 && !Object.is(logs[names[i]], value)) logs[names[i]] = value;
  }
}

/**
 * Read the added logs, which follow the flags.
 *
 * @throws PluginError `E_LIMIT` for an invalid name; then none is added
 */
export function readAddedLogs(
  cells: Float64Array,
  { names }: Layout,
  added: readonly string[],
  logs: Logs,
  known: LogNames,
): void {
  for (const name of added) known.check(name);
  const first = firstValue + 2 * names.length;
  for (let i = 0; i < added.length; i++) {
    // A plain assignment would set the prototype.
    if (added[i] !== "__proto__") logs[added[i]] = cells[first + i];
  }
}
