import type { CallbackLike, ErrorPolicy } from "./callback.ts";
import type { CallbackError } from "./errors.ts";
import { FailurePolicy, hookError } from "./failure_policy.ts";
import { type HookCall, HookRunner } from "./hook_runner.ts";
import { Introductions } from "./introductions.ts";
import { type Logs, normalizeLogs, settleLogs } from "./logs.ts";
import { untilAborted } from "./patience.ts";
import { inTurn } from "./promise.ts";
import { type ListHook, nameOf } from "./receivers.ts";

/**
 * Calls a hook of many callbacks: settles the logs first, and applies error policies to failures.
 */
export class HookDispatcher {
  /** Receivers and timings of each hook. */
  readonly runner: HookRunner;
  /** Error policies of the callbacks. */
  readonly policy: FailurePolicy;
  /** Epoch for messages about failures; undefined outside of epochs. */
  epoch: number | undefined;
  readonly #callbacks: readonly CallbackLike[];
  readonly #introductions = new Introductions((...failed) => this.fail(...failed));

  /**
   * @param callbacks in list order
   * @param onError error policy for callbacks without an `onError`
   * @throws CallbackError for conflicting ordering constraints (`CALLBACK_ORDER`)
   */
  constructor(callbacks: readonly CallbackLike[], onError: ErrorPolicy) {
    this.#callbacks = callbacks;
    this.runner = new HookRunner(
      callbacks,
      ({ callback, hook }, error, batch) => this.fail(callback, hook, error, batch),
    );
    this.policy = new FailurePolicy(onError, (callback) => this.runner.drop(callback));
  }

  /** Whether a callback has this hook. */
  has(hook: ListHook): boolean {
    return this.runner.receivers(hook).length > 0;
  }

  /**
   * Pass the model or the parameters to every callback; {@linkcode begin} awaits their promises.
   */
  introduce(hook: "setModel" | "setParams", value: unknown): void {
    for (const callback of this.#callbacks) {
      if (!this.policy.isDisabled(callback)) this.#introductions.introduce(callback, hook, value);
    }
  }

  /** Wait until every callback has accepted the model and the parameters. */
  introduced(): void | Promise<void> {
    const settled = this.#introductions.settled();
    if (settled === undefined) return;
    return untilAborted(settled, this.runner.signal, () => {});
  }

  /** Call a hook that begins a run. */
  begin(hook: ListHook, logs: object | undefined): void | Promise<void> {
    return inTurn(this.introduced(), () => this.run(hook, logs));
  }

  /** Call a hook with its logs, after the epoch if there is one. */
  run(hook: ListHook, logs: object | undefined, epoch?: number): void | Promise<void> {
    if (!this.has(hook)) return;
    const settled = normalizeLogs(logs);
    return this.#runSettled(hook, {
      args: epoch === undefined ? [settled] : [epoch, settled],
      logs: settled,
    });
  }

  /** Call a hook of a batch. */
  runBatch(hook: ListHook, batch: number, logs: object | undefined): void | Promise<void> {
    if (!this.has(hook)) return;
    const settled = normalizeLogs(logs);
    return this.#runSettled(hook, { args: [batch, settled], batch, logs: settled });
  }

  /** Call `onYield`. */
  runYield(epoch: number, batch: number, logs: object | undefined): void | Promise<void> {
    if (!this.has("onYield")) return;
    const settled = normalizeLogs(logs);
    return this.#runSettled("onYield", { args: [epoch, batch, settled], batch, logs: settled });
  }

  /** Call a hook of every callback, even after one has failed; then throw the first failure. */
  async runAll(hook: "onException" | "close", args: unknown[], isFailing: boolean): Promise<void> {
    let first: CallbackError | undefined;
    await this.runner.runAll(hook, args, (receiver, error) => {
      const failure = this.policy.report(receiver, error, !isFailing && first === undefined);
      first ??= failure;
    });
    if (first !== undefined) throw first;
  }

  /**
   * Apply the policy to a hook that failed.
   *
   * @throws CallbackError if the policy is `"throw"`
   */
  fail(callback: CallbackLike, hook: string, error: unknown, batch?: number): void {
    const position = { epoch: this.epoch, batch };
    this.policy.handle(callback, hookError(nameOf(callback), hook, error, position));
  }

  #runSettled(hook: ListHook, call: HookCall): void | Promise<void> {
    const settling = settleLogs(call.logs as Logs);
    if (settling === undefined) return this.runner.run(hook, call);
    return (settling as Promise<void>).then(() => this.runner.run(hook, call));
  }
}
