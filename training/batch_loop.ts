import { isPromise } from "../core/promise.ts";
import { type Engine, findEngine } from "../tfjs/engine.ts";
import { batchSubmissions } from "../tfjs/submissions.ts";
import type { Batch, BatchIterator } from "./data/data.ts";
import type { EventLoopYield } from "./event_loop_yield.ts";
import { closing } from "./run.ts";

/** Functions of `fit`, `evaluate` or `predict` for each batch and each execution of several. */
export interface BatchHandlers {
  /**
   * Called before the first batch of an execution, after it was fetched, so that every `begin` has
   * an `end`.
   */
  begin(index: number): void | Promise<void>;
  /** Computes the batch, which is disposed afterwards. */
  step(batch: Batch): void | Promise<void>;
  /**
   * Called after the last batch of an execution. Default: undefined, if no callback has a hook for
   * it.
   */
  end: ((index: number) => void | Promise<void>) | undefined;
  /** Called when the loop has yielded to the event loop. Default: undefined. */
  yielded?: (index: number) => void | Promise<void>;
  /** Called after an execution. Returns whether it was the last one. */
  isStopped(): boolean;
}

/** Options of {@linkcode forEachBatch}. */
export interface BatchLoopOptions {
  /** Index of the iterator's first batch. Default: 0. */
  firstBatch?: number;
  /** Batches of an execution; the last one of an epoch may have fewer. Default: 1. */
  stepsPerExecution?: number;
}

/**
 * Process all batches, and close the iterator. Only promises are awaited.
 *
 * Executions end at multiples of `stepsPerExecution`, wherever the first one begins, so that a
 * resumed run has the same ones.
 */
export async function forEachBatch(
  batches: BatchIterator,
  eventLoop: EventLoopYield,
  handlers: BatchHandlers,
  { firstBatch = 0, stepsPerExecution = 1 }: BatchLoopOptions = {},
): Promise<void> {
  const restoreSubmissions = batchSubmissions(findEngine<Engine>());
  const run = async () => {
    eventLoop.isExecuting = false;
    for (let index = firstBatch;; index++) {
      let batch = batches.next();
      if (isPromise(batch)) batch = await eventLoop.next(batch, (late) => late?.dispose());
      if (batch === null) {
        if (eventLoop.isExecuting) await handlers.end?.(index - 1);
        eventLoop.isExecuting = false;
        break;
      }
      try {
        if (!eventLoop.isExecuting) {
          const begun = handlers.begin(index);
          if (isPromise(begun)) await begun;
        }
        const stepped = handlers.step(batch);
        if (isPromise(stepped)) await stepped;
      } finally {
        batch.dispose();
      }
      eventLoop.isExecuting = (index + 1) % stepsPerExecution !== 0;
      if (!eventLoop.isExecuting) {
        if (handlers.end !== undefined) {
          const ended = handlers.end(index);
          if (isPromise(ended)) await ended;
        }
        if (handlers.isStopped()) break;
      }
      const yielded = eventLoop.afterBatch();
      if (isPromise(yielded)) {
        await yielded;
        await eventLoop.betweenBatches(handlers.yielded?.(index));
      }
    }
  };
  await closing(batches, () => run().finally(restoreSubmissions), eventLoop.signal);
}
