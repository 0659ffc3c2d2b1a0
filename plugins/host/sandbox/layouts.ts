import { addOtherNames, type Logs } from "../../../core/logs.ts";
import type { LogNames } from "../log_names.ts";
import { cellCount, firstValue } from "./protocol.ts";

/** Which logs a hook's call has, known to both sides by number: their values alone cross then. */
export interface Layout {
  id: number;
  names: string[];
  /** Names, and the other name that each goes by. */
  others: [name: string, other: string][];
}

const mostLayouts = 64;
const mostNames = Math.floor((cellCount - firstValue) / 4);

/** The layouts that the sandbox knows. */
export class Layouts {
  readonly #known = new Map<string, Layout>();
  /** That of the last call, which is most often that of the next one. */
  #last: Layout | undefined;

  /**
   * The layout of these logs. What is no number in them is left out.
   *
   * @throws RangeError for more logs than can cross
   */
  of(logs: Logs): { layout: Layout; isNew: boolean } {
    const names: string[] = [];
    for (const name of Object.keys(logs)) {
      if (typeof logs[name] === "number") names.push(name);
    }
    const last = this.#last;
    if (last !== undefined && isSame(last.names, names)) return { layout: last, isNew: false };
    // Not joined: a name may hold whatever would stand between two.
    const key = JSON.stringify(names);
    const known = this.#known.get(key);
    if (known !== undefined) return { layout: this.#last = known, isNew: false };
    if (names.length > mostNames) {
      throw new RangeError(
        `Cannot pass logs into the sandbox: found ${names.length}; expected at most ${mostNames}`,
      );
    }
    // Numbers are given anew from 0 then.
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

/** Put logs of this layout into the cells that both sides see. */
export function writeLogs(cells: Float64Array, { names }: Layout, logs: Logs): void {
  for (let i = 0; i < names.length; i++) cells[firstValue + i] = logs[names[i]];
}

/** Take what the sandbox changed: behind the values it says of each whether it still is a number. */
export function readLogs(cells: Float64Array, { names }: Layout, logs: Logs): void {
  const isNumber = firstValue + names.length;
  for (let i = 0; i < names.length; i++) {
    const value = cells[firstValue + i];
    if (cells[isNumber + i] === 1 && !Object.is(logs[names[i]], value)) logs[names[i]] = value;
  }
}

/**
 * Take what the sandbox added, which is behind that.
 *
 * @throws PluginError `E_LIMIT` for a name that a log may not have; then nothing is taken
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
    // As a plain assignment it would set the prototype.
    if (added[i] !== "__proto__") logs[added[i]] = cells[first + i];
  }
}
