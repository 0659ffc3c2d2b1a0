import type { HookOrder } from "./callback.ts";
import { CallbackError, messageOf } from "./errors.ts";
import { isPromise, refusedPromise } from "./promise.ts";
import type { ListHook, Receiver } from "./receivers.ts";

const ranks = { pre: 0, normal: 1, post: 2 };

/**
 * Sort the receivers of a hook into calling order. Receivers without constraints keep the order of
 * the list. Constraints by name take precedence over `pre` and `post`.
 *
 * @param receivers in list order
 * @throws CallbackError for conflicting or invalid ordering constraints (`CALLBACK_ORDER`)
 */
export function inCallOrder(hook: ListHook, receivers: Receiver[]): Receiver[] {
  const constraints = receivers.map((receiver) => constraintsOf(receiver, hook));
  if (constraints.every((one) => one === undefined)) return receivers;
  const rankOf = (i: number) => ranks[constraints[i]?.order ?? "normal"];
  // Array.prototype.sort is stable.
  const listed = [...receivers.keys()].sort((a, b) => rankOf(a) - rankOf(b));
  const predecessors = predecessorsOf(receivers, constraints, rankOf);
  const order: number[] = [];
  while (listed.length > 0) {
    const next = listed.findIndex((i) =>
      predecessors[i].every(({ i: other }) => order.includes(other))
    );
    if (next < 0) throw conflict(hook, receivers, predecessors, listed);
    order.push(...listed.splice(next, 1));
  }
  return order.map((i) => receivers[i]);
}

/** The receivers that must precede a receiver, and whether only the list requires it. */
type Predecessors = { i: number; isListed: boolean }[];

function predecessorsOf(
  receivers: readonly Receiver[],
  constraints: readonly (HookOrder | undefined)[],
  rankOf: (i: number) => number,
): Predecessors[] {
  const predecessors: Predecessors[] = receivers.map(() => []);
  let lastListed: number | undefined;
  receivers.forEach((_, i) => {
    const others = (names: readonly string[] = []): number[] =>
      [...receivers.keys()].filter((j) =>
        j !== i && names.some((name) => isNamed(receivers[j], name))
      );
    const before = others(constraints[i]?.before);
    const after = others(constraints[i]?.after);
    for (const j of before) predecessors[j].push({ i, isListed: false });
    for (const j of after) predecessors[i].push({ i: j, isListed: false });
    if (before.length + after.length > 0 || rankOf(i) !== ranks.normal) return;
    if (lastListed !== undefined) predecessors[i].push({ i: lastListed, isListed: true });
    lastListed = i;
  });
  return predecessors;
}

/** Whether a receiver has a name; the callbacks of one plugin are named `id:name`. */
function isNamed({ name }: Receiver, pattern: string): boolean {
  return name === pattern || name.startsWith(`${pattern}:`);
}

function constraintsOf({ callback, name }: Receiver, hook: ListHook): HookOrder | undefined {
  if (callback.hookOrder === undefined) return undefined;
  let problem: string;
  let cause: unknown;
  try {
    const found = callback.hookOrder(hook);
    if (found === undefined) return undefined;
    if (isPromise(found)) throw refusedPromise(found, "an order");
    const { order = "normal", before = [], after = [] } = found;
    const isValid = Object.hasOwn(ranks, order) && Array.isArray(before) && Array.isArray(after);
    if (isValid) return { order, before, after };
    problem = `found order ${String(order)}, before ${typeof before}, after ${typeof after}; ` +
      `expected "pre", "normal" or "post", and lists of names`;
  } catch (error) {
    problem = messageOf(error);
    cause = error;
  }
  throw new CallbackError(
    "CALLBACK_ORDER",
    `Cannot order the callbacks of ${hook}: invalid hookOrder of ${name}: ${problem}`,
    { callback: name, hook, cause },
  );
}

/** The conflict: each remaining receiver waits for another one. */
function conflict(
  hook: ListHook,
  receivers: readonly Receiver[],
  predecessors: readonly Predecessors[],
  left: readonly number[],
): CallbackError {
  const path: { i: number; isListed: boolean }[] = [{ i: left[0], isListed: false }];
  let start = -1;
  while (start < 0) {
    const last = path[path.length - 1].i;
    const waited = predecessors[last].find(({ i }) => left.includes(i));
    // Every remaining receiver waits for another remaining one.
    if (waited === undefined) break;
    start = path.findIndex(({ i }) => i === waited.i);
    path.push(waited);
  }
  const steps = path.slice(start + 1).map(({ i, isListed }, n) => {
    const later = path[start + n].i;
    return `${receivers[i].name} before ${receivers[later].name}${isListed ? " (as listed)" : ""}`;
  });
  return new CallbackError(
    "CALLBACK_ORDER",
    `Cannot order the callbacks of ${hook}: conflicting constraints ${
      steps.reverse().join(", ")
    }; list them in ` +
      `another order, or remove one`,
    { hook },
  );
}
