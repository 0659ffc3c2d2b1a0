import type { TrainableModel } from "../../core/model.ts";
import { PluginError } from "../errors.ts";
import { within } from "./time_limit.ts";

const maxPending = 10_000;

/** Connects the context of a plugin with the current run. */
export class PluginRun {
  /** Model of the current run. */
  model: TrainableModel | undefined;
  /** Functions that close opened resources, called in order after pending work. */
  readonly closers: (() => void | Promise<void>)[] = [];
  readonly #id: string;
  readonly #closeTime: number;
  readonly #pending = new Set<Promise<unknown>>();
  #stopping = new AbortController();
  #isOpen = true;
  #lost: { error: unknown } | undefined;

  /**
   * @param id id of the plugin
   * @param closeTime time limit in milliseconds for pending work at the end
   */
  constructor(id: string, closeTime: number) {
    this.#id = id;
    this.#closeTime = closeTime;
  }

  /** Signal that aborts when the run no longer waits. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Enable the context, also after {@linkcode close}. */
  begin(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#stopping = new AbortController();
  }

  /** @throws PluginError `E_PERMISSION` between runs, in which nothing closes opened resources */
  checkOpen(action: string): void {
    if (this.#isOpen) return;
    throw new PluginError(
      "E_PERMISSION",
      `Plugin ${this.#id} may not ${action}: its run has ended, and everything it opened there ` +
        `was closed`,
    );
  }

  /**
   * Run work that {@linkcode close} waits for. A failure does not end the process, even if the
   * plugin does not await it.
   *
   * @param action name of the work in messages
   * @param work the work
   * @param isData whether a failure loses data of the plugin. Default: false
   * @throws PluginError `E_LIMIT` when too much work is pending
   */
  async track<T>(action: string, work: () => Promise<T>, isData = false): Promise<T> {
    this.checkOpen(action);
    if (this.#pending.size >= maxPending) {
      throw new PluginError(
        "E_LIMIT",
        `Plugin ${this.#id} may not ${action}: it does not await its calls`,
        {
          expected: `at most ${maxPending} pending requests, writes and commands`,
          hint: "await the promises that the context's functions return",
        },
      );
    }
    const working = work();
    this.#pending.add(working);
    try {
      return await working;
    } catch (error) {
      const isRefused = error instanceof PluginError && error.code === "E_PERMISSION";
      if (isData && !isRefused) this.#lost ??= { error };
      throw error;
    } finally {
      this.#pending.delete(working);
    }
  }

  /** Do not report lost data of a hook again after its failure was reported. */
  reportedFailure(): void {
    this.#lost = undefined;
  }

  /**
   * Wait for pending work, abort what takes too long, and close everything. May be called again.
   *
   * @throws the first error of work that was not awaited, or of closing
   */
  async close(): Promise<void> {
    this.#isOpen = false;
    const failures: unknown[] = [];
    const pending = Promise.allSettled(this.#pending).then((all) => {
      for (const one of all) if (one.status === "rejected") failures.push(one.reason);
    });
    const late = new PluginError("E_TIMEOUT", `Plugin ${this.#id} was closed with work pending`, {
      expected: `it to end within ${this.#closeTime} ms`,
    });
    await within(pending, this.#closeTime, () => late).catch((error) => failures.push(error));
    this.#stopping.abort(late);
    for (const close of this.closers) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (this.#lost !== undefined) failures.unshift(this.#lost.error);
    this.#lost = undefined;
    if (failures.length > 0) throw failures[0];
  }
}
