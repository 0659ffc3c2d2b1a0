/**
 * Entry module of a thread that computes parts of large products. It receives the kernels and the
 * memory in one message and then runs tasks, without returning to its event loop. `build/guest.ts`
 * bundles it.
 */
import { TaskQueue } from "../plan/task_queue.ts";

/** The message to a thread. */
export interface KernelThreadStart {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Memory of the queue of tasks. */
  tasks: SharedArrayBuffer;
  /** Number of the thread, from 0. */
  thread: number;
}

/** The global scope of a thread on Bun, and the module for threads of Node and Deno. */
interface ThreadGlobals {
  postMessage?(message: string): void;
  addEventListener(type: "message", listener: (event: { data: KernelThreadStart }) => void): void;
  process: { getBuiltinModule(name: string): { parentPort?: ParentPort | null } };
}

interface ParentPort {
  postMessage(message: string): void;
  once(type: "message", listener: (message: KernelThreadStart) => void): void;
}

const globals = globalThis as unknown as ThreadGlobals;
const { parentPort } = globals.process.getBuiltinModule("node:worker_threads");

function start({ module, memory, tasks, thread }: KernelThreadStart): void {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const kernels = Object.values(exports) as ((...args: number[]) => void)[];
  send("ready");
  new TaskQueue(tasks).work(kernels, thread);
}

const send = (message: string) =>
  globals.postMessage === undefined
    ? parentPort!.postMessage(message)
    : globals.postMessage(message);

if (globals.postMessage === undefined) parentPort!.once("message", start);
else globals.addEventListener("message", ({ data }) => start(data));
