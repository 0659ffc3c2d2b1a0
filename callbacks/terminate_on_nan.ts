import { Callback, type CallbackOptions } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import { callbackOptions, checkOptions, flag } from "./options.ts";

/** Options of {@linkcode TerminateOnNaN}. */
export interface TerminateOnNaNOptions extends CallbackOptions {
  /** Whether to throw instead of stopping, without epoch end and train end. Default: false. */
  raiseError?: boolean;
}

/**
 * Stop training as soon as the loss of a training batch is NaN or infinite.
 *
 * It reads `loss` after every batch, which waits for a GPU. The loss is the mean since the epoch
 * began, so one bad batch is sufficient. Other metrics and `val_loss` are not checked.
 *
 * Source: `keras/src/callbacks/terminate_on_nan.py`.
 *
 * @example
 * ```ts
 * import { CallbackList, TerminateOnNaN } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = { stopTraining: false };
 * const list = new CallbackList([new TerminateOnNaN()], { model });
 * await list.onTrainBatchEnd(0, { loss: 1 });
 * assert.equal(model.stopTraining, false);
 * await list.onTrainBatchEnd(1, { loss: NaN });
 * assert.equal(model.stopTraining, true);
 * ```
 */
export class TerminateOnNaN extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "TerminateOnNaN";

  /** Whether it throws instead of stopping. */
  readonly raiseError: boolean;

  /**
   * Stop training when the loss is NaN or infinite.
   *
   * @param options whether to throw
   * @throws TypeError for an option of the wrong type
   */
  constructor(options: TerminateOnNaNOptions = {}) {
    super(options);
    checkOptions(this, TerminateOnNaN, options, { ...callbackOptions, raiseError: flag });
    this.raiseError = options.raiseError ?? false;
  }

  /**
   * Stop training when the loss is not finite.
   *
   * @throws RangeError for such a loss, for `raiseError`
   */
  override onTrainBatchEnd(batch: number, logs: Logs): void {
    const { loss } = logs;
    if (typeof loss !== "number" || Number.isFinite(loss)) return;
    if (this.raiseError) {
      throw new RangeError(
        `Cannot continue training after batch ${batch}: NaN or Inf loss encountered, ` +
          `loss is ${loss} and must be finite`,
      );
    }
    console.log(`Batch ${batch}: Invalid loss, terminating training`);
    this.model.stopTraining = true;
  }
}
