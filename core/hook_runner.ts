import type { CallbackLike } from "./callback.ts";
import type { HookTiming } from "./history.ts";
import { type Logs, settleLogs } from "./logs.ts";
import { OverdueError, untilOverdue } from "./patience.ts";
import { isPromise } from "./promise.ts";
import { hookNames, type ListHook, lookUpReceivers, type Receiver } from "./receivers.ts";

/** Called when a hook throws or rejects; throws if that ends the run. */
export type OnHookFailure = (receiver: Receiver, error: unknown, batch?: number) => void;

/** One call of a hook. */
export interface HookCall {
  readonly args: readonly unknown[];
  /** Batch to name in a failure. */
  readonly batch?: number;
  /** Logs among the arguments. Values that a receiver adds are settled for the next one. */
  readonly logs?: Logs;
}

/** Time limit of a hook in milliseconds after the signal has aborted. */
const patience = 5000;

/** Time limit in milliseconds of hooks that end a run, which may save a backup. */
const lastPatience = 30_000;

/** Calls the receivers of each hook, one after another, and measures how long each takes. */
export class HookRunner {
  /**
   * Signal that ends the wait for hooks that do not return. Default: undefined, to wait forever.
   */
  signal: AbortSignal | undefined;
  #receivers: Record<ListHook, Receiver[]>;
  readonly #timings: HookTiming[];
  readonly #onFailure: OnHookFailure;

  /**
   * @param callbacks in list order
   * @param onFailure called with a hook that fails in {@linkcode run}
   * @throws CallbackError for conflicting ordering constraints (`CALLBACK_ORDER`)
   */
  constructor(callbacks: readonly CallbackLike[], onFailure: OnHookFailure) {
    this.#receivers = lookUpReceivers(callbacks);
    this.#timings = Object.values(this.#receivers).flat().map(({ timing }) => timing);
    this.#onFailure = onFailure;
  }

  /** Receivers of a hook, in the order in which they are called. */
  receivers(hook: ListHook): readonly Receiver[] {
    return this.#receivers[hook];
  }

  /** Call every receiver of a hook. Returns a promise only if something must be awaited. */
  run(hook: ListHook, call: HookCall): void | Promise<void> {
    // Dropping a receiver replaces the list, but does not change this array.
    return this.#runFrom(this.#receivers[hook], 0, call);
  }

  /** Call every receiver of a hook, even after one has failed. */
  async runAll(
    hook: ListHook,
    args: unknown[],
    onFailure: (receiver: Receiver, error: unknown) => void,
  ): Promise<void> {
    for (const receiver of this.#receivers[hook]) {
      const began = performance.now();
      try {
        const result = receiver.call(args);
        if (isPromise(result)) await untilOverdue(result, this.signal, lastPatience);
      } catch (error) {
        onFailure(receiver, error);
      }
      count(receiver, began);
    }
  }

  /** From now on, call only `close` of a callback, which may have open files. */
  drop(callback: CallbackLike): void {
    for (const hook of hookNames) {
      if (hook === "close") continue;
      this.#receivers[hook] = this.#receivers[hook].filter((one) => one.callback !== callback);
    }
  }

  /** Time spent so far in each hook of each callback, longest first. */
  timings(): HookTiming[] {
    return this.#timings.filter(({ calls }) => calls > 0)
      .sort((a, b) => b.milliseconds - a.milliseconds);
  }

  #runFrom(receivers: readonly Receiver[], first: number, call: HookCall): void | Promise<void> {
    if (first >= receivers.length) return;
    // The end of a receiver is the start of the next one, because the clock costs as much as a
    // short hook.
    let began = performance.now();
    for (let i = first; i < receivers.length; i++) {
      const receiver = receivers[i];
      let pending: PromiseLike<unknown> | void = undefined;
      try {
        const result = receiver.call(call.args);
        // Inside the try: inspecting a foreign result may throw.
        if (isPromise(result)) pending = result;
        else if (call.logs !== undefined) pending = settleLogs(call.logs);
      } catch (error) {
        count(receiver, began);
        this.#onFailure(receiver, error, call.batch);
        began = performance.now();
        continue;
      }
      if (pending !== undefined) return this.#runAfter(pending, began, receivers, i, call);
      began = count(receiver, began);
    }
  }

  async #runAfter(
    pending: PromiseLike<unknown>,
    began: number,
    receivers: readonly Receiver[],
    i: number,
    call: HookCall,
  ): Promise<void> {
    try {
      await untilOverdue(pending, this.signal, patience);
      if (call.logs !== undefined) await settleLogs(call.logs);
      count(receivers[i], began);
    } catch (error) {
      count(receivers[i], began);
      if (error instanceof OverdueError) throw this.#leave(receivers[i], error);
      this.#onFailure(receivers[i], error, call.batch);
    }
    await this.#runFrom(receivers, i + 1, call);
  }

  /** Abandon a hook that has not returned, and return the reason. */
  #leave({ name, hook }: Receiver, { message }: OverdueError): unknown {
    console.warn(`keepfit: the run ends without ${hook} of callback ${name}: ${message}`);
    return this.signal?.reason;
  }
}

/** Add a call to the receiver's timing, and return the time at which it ended. */
function count({ timing }: Receiver, began: number): number {
  const ended = performance.now();
  timing.calls++;
  timing.milliseconds += ended - began;
  return ended;
}
