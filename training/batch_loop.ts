import { isPromise } from "../core/promise.ts";
import type { Batch, BatchIterator } from "./data/data.ts";
import type { EventLoopYield } from "./event_loop_yield.ts";
import { closing } from "./run.ts";

/** What `fit`, `evaluate` or `predict` does with each batch. */
export interface BatchHandlers {
  /** Called before a batch, which has been fetched by then, so that every begin has its end. */
  begin(index: number): void | Promise<void>;
  /** Computes; the batch is disposed when it is done. */
  step(batch: Batch): void | Promise<void>;
  /** Called after a batch. Default: undefined, where no callback has a hook for it. */
  end: ((index: number) => void | Promise<void>) | undefined;
  /** Called when the loop has given way to the event loop. Default: undefined. */
  yielded?: (index: number) => void | Promise<void>;
  /** Asked after a batch whether it was the last one. */
  isStopped(): boolean;
}

/**
 * Handle batch after batch, and close the iterator. A promise is awaited only where one is given.
 *
 * @param firstBatch index of the first batch that the iterator gives
 */
export async function forEachBatch(
  batches: BatchIterator,
  eventLoop: EventLoopYield,
  handlers: BatchHandlers,
  firstBatch = 0,
): Promise<void> {
  await closing(batches, async () => {
    for (let index = firstBatch;; index++) {
      let batch = batches.next();
      if (isPromise(batch)) batch = await eventLoop.next(batch, (late) => late?.dispose());
      if (batch === null) break;
      try {
        const begun = handlers.begin(index);
        if (isPromise(begun)) await begun;
        const stepped = handlers.step(batch);
        if (isPromise(stepped)) await stepped;
      } finally {
        batch.dispose();
      }
      if (handlers.end !== undefined) {
        const ended = handlers.end(index);
        if (isPromise(ended)) await ended;
      }
      if (handlers.isStopped()) break;
      const yielded = eventLoop.afterBatch();
      if (isPromise(yielded)) {
        await yielded;
        await eventLoop.betweenBatches(handlers.yielded?.(index));
      }
    }
  }, eventLoop.signal);
}
