/** Maximum number of tasks of a job. */
export const maxTasks = 254;

/** Size of the shared memory: 30,000 calls of 15 arguments. */
const bufferBytes = 2 ** 22;

// Indices in the int32 view of the memory.
const ticketAt = 0;
const countAt = 1;
/** Index of the number of finished tasks. */
export const finishedAt = 2;
const failedAt = 3;
const endedAt = 4;
/** Where the calls of each task begin and end. */
const startsAt = 16;

// Indices in the float64 view, which overlaps.
/** Address and size of the scratch memory of the threads. */
const scratchAt = 4;
/** Where the calls of the first task begin. */
const firstCall = (startsAt + maxTasks + 2) / 2;

/** The lowest byte of the ticket when no task can be claimed. */
const closed = 255;

/** Number of times to look at a word before sleeping until it changes: some ten microseconds. */
const spins = 2000;

/** Arguments from here on are offsets in the scratch memory of the thread that makes the call. */
const scratchBase = 2 ** 40;

/** A function of the kernels. */
type Kernel = (...args: number[]) => void;

/**
 * Tasks for several threads, as calls of kernels in memory that they share. The tasks of one job run
 * in any order; each is claimed by one thread. A thread that does not run at the moment claims
 * nothing, and nothing waits for it.
 *
 * The ticket holds the number of the job and, in its lowest byte, the next task. Claiming a task
 * increments it, if it has not changed.
 */
export class TaskQueue {
  /** The memory. */
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #numbers: Float64Array;
  #next = firstCall;

  /** @param buffer memory of another thread's queue. Default: new memory */
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(bufferBytes)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#numbers = new Float64Array(buffer);
  }

  /**
   * Start to record the tasks of the next job, after every task of the last one has finished.
   *
   * @param scratch address of the scratch memory of the threads that call {@linkcode work}
   * @param scratchBytes size of that of one thread
   */
  begin(scratch: number, scratchBytes: number): void {
    this.#numbers[scratchAt] = scratch;
    this.#numbers[scratchAt + 1] = scratchBytes;
    this.#next = firstCall;
    this.#words[startsAt] = firstCall;
  }

  /**
   * Record a task.
   *
   * @param record makes the calls, by functions of {@linkcode recorderOf}; `scratch` is the address
   *   of its scratch memory
   * @returns false if there is no room for it
   */
  record(task: number, record: (scratch: number) => void): boolean {
    record(scratchBase);
    if (this.#next > this.#numbers.length) return false;
    this.#words[startsAt + task + 1] = this.#next;
    return true;
  }

  /** A function that records calls of a kernel instead of making them. */
  recorderOf(kernel: number): Kernel {
    return (...args) => {
      const at = this.#next;
      this.#next += 2 + args.length;
      if (this.#next > this.#numbers.length) return;
      this.#numbers[at] = kernel;
      this.#numbers[at + 1] = args.length;
      this.#numbers.set(args, at + 2);
    };
  }

  /**
   * Let all threads run the recorded tasks. Returns when all have finished.
   *
   * @param run runs a task in this thread
   * @throws what `run` throws
   * @throws Error if a task failed in another thread
   */
  finish(tasks: number, run: (task: number) => void): void {
    const words = this.#words;
    // No thread may claim a task while the number of tasks changes.
    const ticket = (Atomics.load(words, ticketAt) | closed) + 1 | 0;
    Atomics.store(words, ticketAt, ticket | closed);
    Atomics.store(words, finishedAt, 0);
    Atomics.store(words, failedAt, 0);
    Atomics.store(words, countAt, tasks);
    Atomics.store(words, ticketAt, ticket);
    Atomics.notify(words, ticketAt);
    let failure: { error: unknown } | undefined;
    for (let task = this.#claim(); task >= 0; task = this.#claim()) {
      try {
        run(task);
      } catch (error) {
        failure ??= { error };
      }
      Atomics.add(words, finishedAt, 1);
    }
    this.#awaitOthers(tasks);
    if (failure !== undefined) throw failure.error;
    if (Atomics.load(words, failedAt) === 1) throw new Error("a thread of wasm failed");
  }

  /**
   * Run tasks until {@linkcode end} is called, in another thread than the one that records them.
   *
   * @param kernels everything that the module exports, in its order
   * @param thread number of this thread, from 0
   */
  work(kernels: readonly Kernel[], thread: number): void {
    const words = this.#words;
    for (;;) {
      for (let i = 0; i < spins && !this.#hasTask(); i++);
      const seen = Atomics.load(words, ticketAt);
      if (Atomics.load(words, endedAt) === 1) return;
      const task = this.#claim();
      if (task < 0) {
        Atomics.wait(words, ticketAt, seen);
        continue;
      }
      try {
        this.#run(task, kernels, thread);
      } catch {
        Atomics.store(words, failedAt, 1);
      }
      const finished = Atomics.add(words, finishedAt, 1) + 1;
      if (finished === Atomics.load(words, countAt)) Atomics.notify(words, finishedAt);
    }
  }

  /** Let the other threads return. */
  end(): void {
    Atomics.store(this.#words, endedAt, 1);
    Atomics.add(this.#words, ticketAt, 1);
    Atomics.notify(this.#words, ticketAt);
  }

  #hasTask(): boolean {
    return (Atomics.load(this.#words, ticketAt) & closed) < Atomics.load(this.#words, countAt);
  }

  /** Claim a task; -1 if there is none. */
  #claim(): number {
    const words = this.#words;
    for (;;) {
      const ticket = Atomics.load(words, ticketAt);
      const task = ticket & closed;
      if (task >= Atomics.load(words, countAt)) return -1;
      if (Atomics.compareExchange(words, ticketAt, ticket, ticket + 1) === ticket) return task;
    }
  }

  /** Make the calls of a task. */
  #run(task: number, kernels: readonly Kernel[], thread: number): void {
    const numbers = this.#numbers;
    const scratch = numbers[scratchAt] + thread * numbers[scratchAt + 1];
    const args: number[] = [];
    const end = this.#words[startsAt + task + 1];
    for (let at = this.#words[startsAt + task]; at < end;) {
      const kernel = kernels[numbers[at]];
      args.length = numbers[at + 1];
      at += 2;
      for (let i = 0; i < args.length; i++) {
        const value = numbers[at++];
        args[i] = value < scratchBase ? value : value - scratchBase + scratch;
      }
      kernel(...args);
    }
  }

  /** Wait until the other threads have finished their tasks. */
  #awaitOthers(tasks: number): void {
    const words = this.#words;
    for (let i = 0;; i++) {
      const finished = Atomics.load(words, finishedAt);
      if (finished === tasks) return;
      // A task takes longer than a thread needs to wake up.
      if (i > 2 * spins) Atomics.wait(words, finishedAt, finished);
    }
  }
}
