import { messageOf } from "../../core/errors.ts";
import { isPromise } from "../../core/promise.ts";
import { PluginError } from "../errors.ts";
import { within } from "./time_limit.ts";

/** Consecutive failures of a hook after which the plugin is disabled. */
const maxInRow = 20;

/** Calls the members of a plugin with a time limit for promises, and counts failures. */
export class HookGuard {
  readonly #name: string;
  readonly #time: number;
  readonly #onFailure: (error: unknown, isHopeless: boolean) => void;
  readonly #inRow = new Map<string, number>();

  /**
   * @param name of the plugin's callback, for messages
   * @param time time limit of a promise in milliseconds
   * @param onFailure called before a failure is rethrown, with whether the plugin should be
   *   disabled
   */
  constructor(
    name: string,
    time: number,
    onFailure: (error: unknown, isHopeless: boolean) => void,
  ) {
    this.#name = name;
    this.#time = time;
    this.#onFailure = onFailure;
  }

  /** Reset the count. */
  reset(): void {
    this.#inRow.clear();
  }

  /**
   * @returns the result of the member; a promise only if that was one
   * @throws the error of the member; PluginError `E_TIMEOUT` after the time limit
   */
  call<T>(member: string, work: () => T | PromiseLike<T>): T | Promise<T> {
    let result: T | PromiseLike<T>;
    try {
      result = work();
      if (isPromise(result)) return this.#wait(member, result);
    } catch (error) {
      throw this.#failed(member, error);
    }
    if (this.#inRow.size > 0) this.#inRow.delete(member);
    return result;
  }

  async #wait<T>(member: string, pending: PromiseLike<T>): Promise<T> {
    try {
      const result = await within(pending, this.#time, () => this.#late(member));
      this.#inRow.delete(member);
      return result;
    } catch (error) {
      throw this.#failed(member, error);
    }
  }

  #late(member: string): PluginError {
    return new PluginError("E_TIMEOUT", `Plugin ${this.#name} did not return from ${member}`, {
      expected: `it to return within ${this.#time} ms`,
      hint: "to give it more time, load it with { limits: { hookTime } }",
    });
  }

  #failed(member: string, error: unknown): unknown {
    const inRow = (this.#inRow.get(member) ?? 0) + 1;
    this.#inRow.set(member, inRow);
    const isHopeless = inRow >= maxInRow;
    this.#onFailure(error, isHopeless);
    return isHopeless
      ? new Error(`${messageOf(error)} (it failed ${inRow} times in a row)`, { cause: error })
      : error;
  }
}
