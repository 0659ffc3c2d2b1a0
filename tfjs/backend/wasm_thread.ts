/**
 * The module that a thread of tfjs's WASM backend begins with. tfjs's script for it is CommonJS and
 * loads the main script from a file; here it gets what it needs. `build/guest.ts` bundles it.
 */

/** What `node:worker_threads` gives a thread that `wasm_threads.ts` starts. */
interface Threads {
  /** tfjs's script. */
  workerData: { script: string };
}

const { process } = globalThis as unknown as {
  process: { getBuiltinModule(name: string): unknown };
};
const { workerData } = process.getBuiltinModule("worker_threads") as Threads;

// Read-only on Deno, where the script sets it.
Object.defineProperty(globalThis, "location", { value: {}, writable: true });
new Function("require", "__filename", workerData.script)(process.getBuiltinModule, "");
Object.assign(globalThis, { importScripts: (text: string) => (0, eval)(text) });
