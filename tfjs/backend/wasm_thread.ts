/**
 * Entry module of a thread of tfjs's WASM backend. tfjs's script for threads is CommonJS and loads
 * the main script from a file; here it receives everything. `build/guest.ts` bundles it.
 */

/** Data that `wasm_threads.ts` passes to a thread. */
interface Threads {
  /** tfjs's script. */
  workerData: { script: string };
}

const { process } = globalThis as unknown as {
  process: { getBuiltinModule(name: string): unknown };
};
const { workerData } = process.getBuiltinModule("worker_threads") as Threads;

// Read-only on Deno, but the script sets it.
Object.defineProperty(globalThis, "location", { value: {}, writable: true });
new Function("require", "__filename", workerData.script)(process.getBuiltinModule, "");
Object.assign(globalThis, { importScripts: (text: string) => (0, eval)(text) });
