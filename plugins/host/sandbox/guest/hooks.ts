/** Hooks of the plugin, whose logs are in the cells. */
import { cellCount, codes, firstValue, flags, maxLogName } from "../protocol.ts";
import { answerBy, failure, nothing } from "./answers.ts";
import { follow, isThenable } from "./calls.ts";
import { cells } from "./cells.ts";
import { tooLarge } from "./codec.ts";
import {
  bind,
  type Callable,
  create,
  defineProperty,
  freeze,
  getPrototypeOf,
  GuestFunction,
  keys,
  parse,
  quote,
  slice,
} from "./primordials.ts";

const { done, doneWithMore } = codes;
const { hasFirst, sharesLogs } = flags;

type Logs = Record<string, unknown>;

/** Logs with the same names. */
interface Layout {
  __proto__: null;
  names: string[];
  known: object;
  newLogs(): Logs;
}

const layouts = create(null) as Record<number, Layout>;
const hooks = create(null) as Record<number, Callable>;

/** Register a function of the plugin under its index. */
export function addHook(index: number, method: Callable, plugin: object): void {
  hooks[index] = bind(method, plugin);
}

export const hookOf = (index: number): Callable => hooks[index];

export function defineLayout(text: string): number {
  try {
    const { id, names, others } = parse(text) as LayoutParts;
    const known = create(null) as Record<string, true>;
    let body = "";
    for (let i = 0; i < names.length; i++) {
      known[names[i]] = true;
      body += "," + (names[i] === "__proto__" ? '["__proto__"]' : quote(names[i])) +
        ":cells[" + (i + firstValue) + "]";
    }
    const prototype = others.length === 0 ? undefined : create(getPrototypeOf({}));
    for (let i = 0; i < others.length; i++) addOther(prototype!, others[i][0], others[i][1]);
    const source = prototype === undefined ? slice(body, 1) : "__proto__:prototype" + body;
    const newLogs = new GuestFunction("cells", "prototype", "return () => ({" + source + "})")(
      cells,
      prototype,
    );
    layouts[id] = { __proto__: null, names, known, newLogs };
    return done;
  } catch (error) {
    return failure(error);
  }
}

/** A layout as the host sends it. */
interface LayoutParts {
  id: number;
  names: string[];
  others: [name: string, other: string][];
}

/** Let a log be read by its other name; assigning to that name adds a separate log. */
function addOther(prototype: object, key: string, other: string): void {
  defineProperty(prototype, other, {
    __proto__: null,
    configurable: true,
    get(this: Logs) {
      return this[key];
    },
    set(this: Logs, value: unknown) {
      defineProperty(this, other, {
        __proto__: null,
        configurable: true,
        enumerable: true,
        writable: true,
        value,
      });
    },
  });
}

export function callHook(): number {
  const hook = hooks[cells[0]];
  const layout = layouts[cells[1]];
  const first = cells[2];
  const bits = cells[3];
  const logs = layout.newLogs();
  const shares = bits & sharesLogs;
  if (!shares) freeze(logs);
  try {
    const result = bits & hasFirst ? hook(first, logs) : hook(logs);
    if (isThenable(result)) return follow(result, shares ? () => giveLogs(logs, layout) : nothing);
    return shares ? giveLogs(logs, layout) : done;
  } catch (error) {
    return failure(error);
  }
}

/** Write the logs to the cells, each with whether it still is a number, then the added ones. */
function giveLogs(logs: Logs, { names, known }: Layout): number {
  const count = names.length;
  for (let i = 0; i < count; i++) {
    const value = logs[names[i]];
    const isNumber = typeof value === "number";
    cells[firstValue + i] = isNumber ? value : 0;
    cells[firstValue + count + i] = isNumber ? 1 : 0;
  }
  const now = keys(logs);
  if (now.length === count) {
    let same = true;
    for (let i = 0; i < count && same; i++) same = now[i] === names[i];
    if (same) return done;
  }
  let added = "";
  let at = firstValue + 2 * count;
  for (let i = 0; i < now.length; i++) {
    const name = now[i];
    if (name in known) continue;
    const value = logs[name];
    if (typeof value !== "number") continue;
    if (name.length > maxLogName) throw tooLarge("a name of a log", maxLogName);
    if (at >= cellCount) throw tooLarge("so many logs", cellCount);
    cells[at++] = value;
    added += (added === "" ? "" : ",") + quote(name);
  }
  answerBy("[" + added + "]");
  return added === "" ? done : doneWithMore;
}

export function ask(): number {
  try {
    return hooks[cells[0]](cells[2]) ? doneWithMore : done;
  } catch (error) {
    return failure(error);
  }
}
