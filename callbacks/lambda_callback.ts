import { Callback, type CallbackHooks, type CallbackOptions } from "../core/callback.ts";
import { showValue } from "../core/given_options.ts";
import { everyHookName } from "../core/receivers.ts";
import { didYouMean } from "../core/unknown_option.ts";
import { checkValue, text } from "./options.ts";

/** Hooks of a {@linkcode LambdaCallback}, and how it is called. */
export interface LambdaHooks extends CallbackHooks, CallbackOptions {
  /** How messages call it. Default: `"LambdaCallback"`. */
  name?: string;
}

/**
 * A callback made of functions, which find the model and the params in `this`.
 *
 * With both `onBatchEnd` and `onTrainBatchEnd` only the latter is called. A name that is no hook
 * is an error (Keras keeps it as an attribute that nobody reads).
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
  /** Its name in messages and saved states. */
  static override readonly className: string = "LambdaCallback";

  /** How messages call it. */
  readonly name: string;

  /**
   * Make a callback of functions.
   *
   * @param hooks functions by the name of the hook; undefined ones are left out
   * @throws TypeError for a name that is no hook, or a hook that is no function
   */
  constructor(hooks: LambdaHooks & ThisType<LambdaCallback> = {}) {
    super(hooks);
    const { name = "LambdaCallback", onError: _, ...rest } = hooks;
    checkValue("LambdaCallback", "name", name, text);
    this.name = name;
    for (const [hook, run] of Object.entries(rest)) {
      if (!everyHookName.includes(hook as keyof CallbackHooks)) {
        throw new TypeError(
          `Cannot create LambdaCallback with '${hook}', which is no hook: ` +
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
