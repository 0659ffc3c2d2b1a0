// Generated from tfjs/backend/kernel_thread.ts by build/guest.ts (`npm run build`); do not edit.

/** The code of tfjs/backend/kernel_thread.ts. */
export const kernelThreadCode: string = `// tfjs/plan/task_queue.ts
var maxTasks = 254;
var bufferBytes = 2 ** 22;
var ticketAt = 0;
var countAt = 1;
var finishedAt = 2;
var failedAt = 3;
var endedAt = 4;
var startsAt = 16;
var scratchAt = 4;
var firstCall = (startsAt + maxTasks + 2) / 2;
var closed = 255;
var spins = 2e3;
var scratchBase = 2 ** 40;
var TaskQueue = class {
  /** The memory. */
  buffer;
  #words;
  #numbers;
  #next = firstCall;
  /** @param buffer memory of another thread's queue. Default: new memory */
  constructor(buffer = new SharedArrayBuffer(bufferBytes)) {
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
  begin(scratch, scratchBytes) {
    this.#numbers[scratchAt] = scratch;
    this.#numbers[scratchAt + 1] = scratchBytes;
    this.#next = firstCall;
    this.#words[startsAt] = firstCall;
  }
  /**
   * Record a task.
   *
   * @param record makes the calls, by functions of {@linkcode recorderOf}; \`scratch\` is the address
   *   of its scratch memory
   * @returns false if there is no room for it
   */
  record(task, record) {
    record(scratchBase);
    if (this.#next > this.#numbers.length) return false;
    this.#words[startsAt + task + 1] = this.#next;
    return true;
  }
  /** A function that records calls of a kernel instead of making them. */
  recorderOf(kernel) {
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
   * @throws what \`run\` throws
   * @throws Error if a task failed in another thread
   */
  finish(tasks, run) {
    const words = this.#words;
    const ticket = (Atomics.load(words, ticketAt) | closed) + 1 | 0;
    Atomics.store(words, ticketAt, ticket | closed);
    Atomics.store(words, finishedAt, 0);
    Atomics.store(words, failedAt, 0);
    Atomics.store(words, countAt, tasks);
    Atomics.store(words, ticketAt, ticket);
    Atomics.notify(words, ticketAt);
    let failure;
    for (let task = this.#claim(); task >= 0; task = this.#claim()) {
      try {
        run(task);
      } catch (error) {
        failure ??= { error };
      }
      Atomics.add(words, finishedAt, 1);
    }
    this.#awaitOthers(tasks);
    if (failure !== void 0) throw failure.error;
    if (Atomics.load(words, failedAt) === 1) throw new Error("a thread of wasm failed");
  }
  /**
   * Run tasks until {@linkcode end} is called, in another thread than the one that records them.
   *
   * @param kernels everything that the module exports, in its order
   * @param thread number of this thread, from 0
   */
  work(kernels, thread) {
    const words = this.#words;
    for (; ; ) {
      for (let i = 0; i < spins && !this.#hasTask(); i++) ;
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
  end() {
    Atomics.store(this.#words, endedAt, 1);
    Atomics.add(this.#words, ticketAt, 1);
    Atomics.notify(this.#words, ticketAt);
  }
  #hasTask() {
    return (Atomics.load(this.#words, ticketAt) & closed) < Atomics.load(this.#words, countAt);
  }
  /** Claim a task; -1 if there is none. */
  #claim() {
    const words = this.#words;
    for (; ; ) {
      const ticket = Atomics.load(words, ticketAt);
      const task = ticket & closed;
      if (task >= Atomics.load(words, countAt)) return -1;
      if (Atomics.compareExchange(words, ticketAt, ticket, ticket + 1) === ticket) return task;
    }
  }
  /** Make the calls of a task. */
  #run(task, kernels, thread) {
    const numbers = this.#numbers;
    const scratch = numbers[scratchAt] + thread * numbers[scratchAt + 1];
    const args = [];
    const end = this.#words[startsAt + task + 1];
    for (let at = this.#words[startsAt + task]; at < end; ) {
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
  #awaitOthers(tasks) {
    const words = this.#words;
    for (let i = 0; ; i++) {
      const finished = Atomics.load(words, finishedAt);
      if (finished === tasks) return;
      if (i > 2 * spins) Atomics.wait(words, finishedAt, finished);
    }
  }
};

// tfjs/backend/kernel_thread.ts
var globals = globalThis;
var { parentPort } = globals.process.getBuiltinModule("node:worker_threads");
function start({ module, memory, tasks, thread }) {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const kernels = Object.values(exports);
  send("ready");
  new TaskQueue(tasks).work(kernels, thread);
}
var send = (message) => globals.postMessage === void 0 ? parentPort.postMessage(message) : globals.postMessage(message);
if (globals.postMessage === void 0) parentPort.once("message", start);
else globals.addEventListener("message", ({ data }) => start(data));
`;
