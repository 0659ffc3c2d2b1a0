import type { CallbackLike } from "./callback.ts";
import { isPromise } from "./promise.ts";

/** Passes model and params to callbacks, and awaits their promises when a run begins. */
export class Introductions {
  readonly #onFailure: (callback: CallbackLike, hook: string, error: unknown) => void;
  #pending: Promise<void>[] = [];

  /** @param onFailure called with a callback that throws or rejects */
  constructor(onFailure: (callback: CallbackLike, hook: string, error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Pass model or params to a callback. */
  introduce(callback: CallbackLike, hook: "setModel" | "setParams", value: unknown): void {
    const fail = (error: unknown) => this.#onFailure(callback, hook, error);
    try {
      const result: unknown = callback[hook]?.(value as never);
      if (!isPromise(result)) return;
      const introduction = Promise.resolve(result).then(() => {}, fail);
      // Rethrown when it is awaited. A run that never begins must not cause an unhandled rejection.
      introduction.catch(() => {});
      this.#pending.push(introduction);
    } catch (error) {
      fail(error);
    }
  }

  /** Wait for all of them; returns a promise only if one was returned. */
  settled(): void | Promise<void> {
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    return Promise.all(pending).then(() => {});
  }
}
