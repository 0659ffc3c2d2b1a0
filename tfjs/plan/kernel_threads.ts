import type { Kernels } from "./kernels.ts";
import { maxTasks, TaskQueue } from "./task_queue.ts";
import type { SharedWork, WorkSharing } from "./work_sharing.ts";

/**
 * Least multiply-adds that are shared: about half a millisecond of one thread. Waking another takes
 * 30 µs of this one if all processors are busy, and then gains nothing.
 */
const leastShared = 1e7;

/** Least multiply-adds of a part: about a tenth of a millisecond, which a thread may wait for. */
const partMultiplyAdds = 2e6;

/** The heap of TensorFlow.js's wasm backend. */
interface Heap {
  _malloc(bytes: number): number;
  _free(address: number): void;
}

/** The other threads of a backend, which compute parts of large products. */
export class KernelThreads {
  readonly queue: TaskQueue = new TaskQueue();
  readonly #threads: number;
  readonly #heap: Heap;
  #scratch = 0;
  #scratchBytes = 0;

  /**
   * @param threads number of the threads
   * @param heap allocates their scratch memory, in the memory of the kernels
   */
  constructor(threads: number, heap: Heap) {
    this.#threads = threads;
    this.#heap = heap;
  }

  /** Share work between this thread, which computes with `kernels`, and the others. */
  sharing(kernels: Kernels): WorkSharing {
    const { queue } = this;
    const recorder = recorderOf(queue, kernels);
    return {
      least: leastShared,
      run: (work, scratch, compute) => {
        const { count, unit } = work;
        const parts = this.#partsOf(work);
        if (parts < 2 || !this.#reserveScratch(work.scratchSize * 4)) {
          return compute(0, count, kernels, scratch);
        }
        const units = Math.ceil(count / unit);
        const beginOf = (part: number) => Math.min(count, Math.floor(part * units / parts) * unit);
        queue.begin(this.#scratch, this.#scratchBytes);
        let recorded = 0;
        const record = (scratch: number) =>
          compute(beginOf(recorded), beginOf(recorded + 1), recorder, scratch);
        while (recorded < parts && queue.record(recorded, record)) recorded++;
        queue.finish(recorded, (part) => {
          compute(beginOf(part), beginOf(part + 1), kernels, scratch);
        });
        // What does not fit into the queue is left to this thread.
        if (recorded < parts) compute(beginOf(recorded), count, kernels, scratch);
      },
    };
  }

  #partsOf({ count, unit, multiplyAdds, partSize = 1 }: SharedWork): number {
    if (multiplyAdds < leastShared) return 1;
    const large = Math.max(this.#threads + 1, Math.floor(count / partSize));
    const long = Math.floor(multiplyAdds / partMultiplyAdds);
    return Math.min(Math.ceil(count / unit), large, long, maxTasks);
  }

  /** Reserve scratch memory for each thread; false if there is not enough memory. */
  #reserveScratch(bytes: number): boolean {
    if (bytes <= this.#scratchBytes) return true;
    this.#heap._free(this.#scratch);
    // No two threads write to the same cache line.
    this.#scratchBytes = Math.ceil(bytes / 128) * 128 + 128;
    this.#scratch = this.#heap._malloc(this.#scratchBytes * this.#threads);
    if (this.#scratch > 0) return true;
    this.#heap._free(this.#scratch);
    this.#scratch = this.#scratchBytes = 0;
    return false;
  }
}

/** Functions that record calls of the kernels. */
function recorderOf(queue: TaskQueue, kernels: Kernels): Kernels {
  const recorders = Object.keys(kernels).map((name, i) => [name, queue.recorderOf(i)]);
  return Object.fromEntries(recorders);
}
