import { Callback, type CallbackOptions } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import { getRuntime } from "../runtime/mod.ts";
import type { Terminal } from "../runtime/types.ts";
import { callable, callbackOptions, checkOptions, terminalRule } from "./options.ts";
import { Progbar } from "./progbar.ts";

/** Options of {@linkcode ProgbarLogger}. */
export interface ProgbarLoggerOptions extends CallbackOptions {
  /** Terminal to draw on. Default: that of the process. */
  terminal?: Terminal;
  /** A clock, in milliseconds. Default: `performance.now`. */
  now?: () => number;
}

/**
 * Show the progress of training: on a terminal as a bar, otherwise as one line per epoch.
 * `params.verbose` sets the detail: 0 nothing, 1 (or `"auto"`) a bar, 2 one line.
 *
 * It draws at most every 50 ms, and only then reads the values of a batch. Validation inside a run
 * is silent; `evaluate` and `predict` show their own bar.
 *
 * Source: `keras/src/callbacks/progbar_logger.py`.
 *
 * @example
 * ```ts
 * import { CallbackList, ProgbarLogger } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * let shown = "";
 * const terminal = {
 *   write: (text: string) => void (shown += text),
 *   isInteractive: false,
 *   hasColors: false,
 *   columns: undefined,
 * };
 * const list = new CallbackList([new ProgbarLogger({ terminal, now: () => 0 })], {
 *   params: { verbose: 2, epochs: 1, steps: 1 },
 * });
 * await list.onTrainBegin();
 * await list.onEpochBegin(0);
 * await list.onTrainBatchEnd(0, { loss: 0.5 });
 * await list.onEpochEnd(0, { loss: 0.5 });
 * assert.equal(shown, "1/1 - 0s - 0s/step - loss: 0.5000\n");
 * ```
 */
export class ProgbarLogger extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "ProgbarLogger";

  #terminal: Terminal | undefined;
  #now: () => number;
  #progbar: Progbar | undefined;
  #seen = 0;
  // Determined by the first epoch and kept for later ones.
  #target: number | null = null;
  #isInFit = false;
  // The bar of an epoch starts with the final width of the previous one, on the same terminal.
  #barWidth: number | undefined;
  #columns: number | undefined;

  /**
   * Draw a progress bar according to `verbose` of the run.
   *
   * @param options terminal and clock
   * @throws TypeError for an option of the wrong type
   */
  constructor(options: ProgbarLoggerOptions = {}) {
    super(options);
    checkOptions(this, ProgbarLogger, options, {
      ...callbackOptions,
      terminal: terminalRule,
      now: callable,
    });
    this.#terminal = options.terminal;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Whether the batch will be drawn. */
  override readsBatchLogs(): boolean {
    return this.#progbar?.isDue(this.#now()) ?? false;
  }

  /** Start a run of `fit`. */
  override onTrainBegin(): void {
    this.#isInFit = true;
    this.#barWidth = undefined;
    this.#target = this.params?.steps ?? null;
  }

  /** Print the number of the epoch and start its bar. */
  override onEpochBegin(epoch: number): void {
    const epochs = this.params?.epochs ?? 1;
    if (this.#verbose() > 0 && epochs > 1) {
      this.#write(`Epoch ${epoch + 1}/${epochs}\n`);
    }
    const { resumedAt } = this.params ?? {};
    this.#begin(resumedAt?.epoch === epoch ? resumedAt.batch : 0);
  }

  /** Advance the bar. */
  override onTrainBatchEnd(batch: number, logs: Logs): void {
    this.#step(batch, logs);
  }

  /** Finish the bar with the logs of the epoch. */
  override onEpochEnd(_epoch: number, logs: Logs): void {
    this.#finish(logs);
  }

  /** Start the bar of `evaluate`; validation within `fit` has none. */
  override onTestBegin(): void {
    if (!this.#isInFit) this.#beginAlone();
  }

  /** Advance the bar of `evaluate`. */
  override onTestBatchEnd(batch: number, logs: Logs): void {
    if (!this.#isInFit) this.#step(batch, logs);
  }

  /** Finish the bar of `evaluate`. */
  override onTestEnd(logs: Logs): void {
    if (!this.#isInFit) this.#finish(logs);
  }

  /** Start the bar of `predict`. */
  override onPredictBegin(): void {
    this.#beginAlone();
  }

  /** Advance the bar of `predict`. */
  override onPredictBatchEnd(batch: number): void {
    this.#step(batch, {});
  }

  /** Finish the bar of `predict`. */
  override onPredictEnd(): void {
    this.#finish({});
  }

  /** End an unfinished line when the run fails. */
  override close(): void {
    if (
      this.#progbar !== undefined && this.#verbose() === 1 && this.#openTerminal().isInteractive
    ) {
      this.#write("\n");
    }
    this.#progbar = undefined;
    this.#isInFit = false;
  }

  #verbose(): number {
    const verbose = this.params?.verbose ?? 1;
    return verbose === "auto" ? 1 : Number(verbose);
  }

  #beginAlone(): void {
    this.#barWidth = undefined;
    this.#target = this.params?.steps ?? null;
    this.#begin();
  }

  #begin(before = 0): void {
    this.#seen = before;
    const { isInteractive, hasColors, columns } = this.#openTerminal();
    if (columns !== this.#columns) this.#barWidth = undefined;
    this.#columns = columns;
    this.#progbar = new Progbar({
      target: this.#target,
      start: this.#now(),
      before,
      verbose: this.#verbose(),
      width: this.#barWidth,
      isInteractive,
      hasColors,
    });
  }

  #step(batch: number, logs: Logs): void {
    this.#seen = batch + 1;
    // An epoch may be longer than the previous one, which set the number of steps.
    if (this.#progbar?.target && this.#seen > this.#progbar.target) this.#progbar.target = null;
    // The single line of an epoch has only the epoch's logs and time.
    if (this.#verbose() === 1) this.#draw(this.#seen, logs, false);
  }

  #finish(logs: Logs): void {
    if (this.#progbar === undefined) return;
    const steps = this.params?.steps ?? null;
    this.#target = steps === null || this.#seen > steps ? this.#seen : steps;
    this.#progbar.target = this.#target;
    this.#draw(this.#target, logs, true);
    this.#barWidth = this.#progbar.width;
    this.#progbar = undefined;
  }

  #draw(current: number, logs: Logs, isLast: boolean): void {
    const { columns } = this.#openTerminal();
    const text = this.#progbar?.update(current, logs, { now: this.#now(), columns, isLast });
    if (text) this.#write(text);
  }

  #write(text: string): void {
    this.#openTerminal().write(text);
  }

  #openTerminal(): Terminal {
    return this.#terminal ??= getRuntime().terminal;
  }
}
