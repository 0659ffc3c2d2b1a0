import { Callback, type CallbackHooks, type CallbackOptions } from "../core/callback.ts";
import { showValue } from "../core/given_options.ts";
import { everyHookName } from "../core/receivers.ts";
import { didYouMean } from "../core/unknown_option.ts";
import { checkValue, text } from "./options.ts";

/** Hooks and options of a {@linkcode LambdaCallback}. */
export interface LambdaHooks extends CallbackHooks, CallbackOptions {
  /** Name in messages. Default: `"LambdaCallback"`. */
  name?: string;
}

/**
 * A callback created from functions, which access model and params through `this`.
 *
 * With both `onBatchEnd` and `onTrainBatchEnd` only the latter is called. An unknown hook is an
 * error (Keras keeps it as an unused attribute).
 *
 * Source: `keras/src/callbacks/lambda_callback.py`.
 *
 * @example
 * ```ts
 * import { CallbackList, LambdaCallback } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const losses: number[] = [];
 * const list = new CallbackList([
 *   new LambdaCallback({ onEpochEnd: (_epoch, logs) => losses.push(logs.loss) }),
 * ]);
 * await list.onEpochEnd(0, { loss: 0.5 });
 * assert.deepEqual(losses, [0.5]);
 * ```
 */
export class LambdaCallback extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "LambdaCallback";

  /** Name in messages. */
  readonly name: string;

  /**
   * Create a callback from functions.
   *
   * @param hooks functions by the name of the hook; undefined ones are ignored
   * @throws TypeError for an unknown hook, or a hook that is not a function
   */
  constructor(hooks: LambdaHooks & ThisType<LambdaCallback> = {}) {
    super(hooks);
    const { name = "LambdaCallback", onError: _, ...rest } = hooks;
    checkValue("LambdaCallback", "name", name, text);
    this.name = name;
    for (const [hook, run] of Object.entries(rest)) {
      if (!everyHookName.includes(hook as keyof CallbackHooks)) {
        throw new TypeError(
          `Cannot create LambdaCallback with unknown hook '${hook}': ` +
            didYouMean(hook, everyHookName),
        );
      }
      if (run === undefined || run === null) continue;
      if (typeof run !== "function") {
        throw new TypeError(
          `Cannot create LambdaCallback with ${hook} ${showValue(run)}: it must be a function`,
        );
      }
      Object.assign(this, { [hook]: run });
    }
  }
}
