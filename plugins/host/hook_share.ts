import { isPromise } from "../../core/promise.ts";

/** Minimum time in a hook in milliseconds before its share is checked. */
const minTime = 1000;
const leastCalls = 3;

/** Warns about a plugin that takes most of the time between two calls of a hook. */
export class HookShare {
  readonly #name: string;
  readonly #hooks = new Map<string, Calls>();
  #hasWarned = false;

  /** @param name of the plugin's callback, for messages */
  constructor(name: string) {
    this.#name = name;
  }

  /** Reset the count. */
  reset(): void {
    this.#hooks.clear();
    this.#hasWarned = false;
  }

  /** Call a hook that recurs. @returns its result, a promise if the hook returned one */
  measure(hook: string, call: () => unknown): unknown {
    const began = performance.now();
    const result = call();
    if (isPromise(result)) return Promise.resolve(result).finally(() => this.#count(hook, began));
    this.#count(hook, began);
    return result;
  }

  #count(hook: string, began: number): void {
    const now = performance.now();
    const calls = this.#hooks.get(hook);
    // Measured from the end of the first call, so that each call includes the time before it.
    if (calls === undefined) return void this.#hooks.set(hook, { since: now, count: 1, time: 0 });
    calls.count++;
    calls.time += now - began;
    const passed = now - calls.since;
    const isMost = calls.time > minTime && calls.time > passed / 2;
    if (this.#hasWarned || calls.count <= leastCalls || !isMost) return;
    this.#hasWarned = true;
    console.warn(
      `keepfit: plugin ${this.#name} takes ${
        Math.round(100 * calls.time / passed)
      } % of the time ` +
        `in ${hook}: ${Math.round(calls.time)} of ${Math.round(passed)} ms; ` +
        `history.timings contains the time of each hook`,
    );
  }
}

interface Calls {
  since: number;
  count: number;
  /** Total time of the calls except the first, in milliseconds. */
  time: number;
}
