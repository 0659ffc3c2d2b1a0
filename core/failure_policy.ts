import type { CallbackLike, ErrorPolicy } from "./callback.ts";
import { CallbackError, messageOf } from "./errors.ts";
import type { CallbackFailure } from "./history.ts";
import { nameOf, type Receiver } from "./receivers.ts";

/** Applies error policies to failing hooks, and records failures that do not end the run. */
export class FailurePolicy {
  /** Hooks that failed without ending the run. */
  readonly failures: CallbackFailure[] = [];
  readonly #onError: ErrorPolicy;
  readonly #onDisable: (callback: CallbackLike) => void;
  readonly #disabled = new Map<CallbackLike, CallbackError>();

  /**
   * @param onError policy for callbacks without an `onError`
   * @param onDisable called with a callback that is disabled for the rest of the run
   */
  constructor(onError: ErrorPolicy, onDisable: (callback: CallbackLike) => void) {
    this.#onError = onError;
    this.#onDisable = onDisable;
  }

  /** Whether a callback was disabled after a failure. */
  isDisabled(callback: CallbackLike): boolean {
    return this.#disabled.has(callback);
  }

  /**
   * Apply the callback's policy to a failure.
   *
   * @throws the failure, if the policy is `"throw"`
   */
  handle(callback: CallbackLike, failure: CallbackError): void {
    const policy = this.#policyOf(callback);
    if (policy === "throw") throw failure;
    const name = nameOf(callback);
    const hook = failure.hook as string;
    const isRepeated = this.failures.some((one) => one.callback === name && one.hook === hook);
    this.failures.push({ callback: name, hook, policy, error: failure.cause });
    if (policy === "disable") {
      if (!this.isDisabled(callback)) this.#disabled.set(callback, failure);
      this.#onDisable(callback);
      console.warn(`keepfit: ${failure.message}; it is disabled for the rest of this run`);
    } else if (!isRepeated) {
      console.warn(
        `keepfit: ${failure.message}; training continues; further failures of this hook are not ` +
          `shown`,
      );
    }
  }

  /**
   * Report a failure in a hook that is called on every callback even if another one fails.
   *
   * @param mayEndRun false if an error is already ending the run
   * @returns the error to throw after every callback was called; undefined after a warning
   */
  report(
    { callback, name, hook }: Receiver,
    error: unknown,
    mayEndRun: boolean,
  ): CallbackError | undefined {
    const failure = hookError(name, hook, error, {});
    const policy = this.#policyOf(callback);
    if (policy !== "throw") this.failures.push({ callback: name, hook, policy, error });
    else if (mayEndRun) return failure;
    console.warn(`keepfit: ${failure.message}`);
    return undefined;
  }

  /** One line about the disabled callbacks and the reasons; undefined if there are none. */
  summary(): string | undefined {
    if (this.#disabled.size === 0) return undefined;
    const each = [...this.#disabled.values()].map(({ callback, hook, epoch, batch, cause }) => {
      const where = [hook, ...positionOf(epoch, batch)].join(", ");
      // The rest of a long message was printed when the hook failed.
      return `${callback} (${where}: ${messageOf(cause).split("\n", 1)[0]})`;
    });
    const subject = each.length === 1 ? "1 callback was" : `${each.length} callbacks were`;
    return `${subject} disabled in this run: ${each.join(", ")}`;
  }

  #policyOf(callback: CallbackLike): ErrorPolicy {
    return callback.onError ?? this.#onError;
  }
}

/** The error of a callback that failed in one of its hooks. */
export function hookError(
  callback: string,
  hook: string,
  cause: unknown,
  { epoch, batch }: { epoch?: number; batch?: number },
): CallbackError {
  const where = positionOf(epoch, batch).join(", ");
  return new CallbackError(
    hook === "close" ? "CALLBACK_CLOSE" : "CALLBACK_HOOK",
    `Callback ${callback} failed in ${hook}${where && ` (${where})`}: ${messageOf(cause)}`,
    { callback, hook, epoch, batch, cause },
  );
}

function positionOf(epoch: number | undefined, batch: number | undefined): string[] {
  return [
    ...(epoch === undefined ? [] : [`epoch ${epoch}`]),
    ...(batch === undefined ? [] : [`batch ${batch}`]),
  ];
}
