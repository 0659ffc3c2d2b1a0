import type { CallbackHooks, CallbackLike } from "../core/callback.ts";
import { isPromise } from "../core/promise.ts";
import { everyHookName } from "../core/receivers.ts";

/** Keeps what a plugin prints while its own code runs. */
export interface Listening {
  /** What `run` gives, lines kept meanwhile. */
  during<T>(run: () => Promise<T>): Promise<T>;
  /** The same callback, lines kept while it is called. */
  wrap(callback: CallbackLike): CallbackLike;
}

/**
 * Take a plugin's lines off the console and keep them. What others print is printed.
 *
 * @param id what the plugin's lines begin with
 * @param lines where they are put, without it
 */
export function listenToLog(id: string, lines: string[]): Listening {
  let depth = 0;
  const own = { log: console.log, warn: console.warn };

  function begin(): void {
    if (depth++ > 0) return;
    for (const name of ["log", "warn"] as const) {
      own[name] = console[name];
      console[name] = (...args: unknown[]) => {
        const [line] = args;
        if (typeof line !== "string" || !line.includes(id)) return own[name](...args);
        lines.push(line.startsWith(`${id}: `) ? line.slice(id.length + 2) : line);
      };
    }
  }

  function end(): void {
    if (--depth === 0) Object.assign(console, own);
  }

  function listening<T>(run: () => T): T {
    begin();
    let given: T;
    try {
      given = run();
    } catch (error) {
      end();
      throw error;
    }
    if (!isPromise(given)) {
      end();
      return given;
    }
    return (given as Promise<unknown> & T).finally(end) as T;
  }

  return {
    during: listening,
    wrap(callback) {
      const wrapped: CallbackLike = { ...callback };
      for (const hook of everyHookName) {
        const call = callback[hook] as ((...args: unknown[]) => unknown) | undefined;
        if (typeof call !== "function") continue;
        (wrapped as Record<keyof CallbackHooks, unknown>)[hook] = (...args: unknown[]) =>
          listening(() => call.apply(callback, args));
      }
      return wrapped;
    },
  };
}
