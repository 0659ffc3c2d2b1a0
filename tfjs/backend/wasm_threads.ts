import type * as tfjs from "@tensorflow/tfjs";
import type { Worker } from "node:worker_threads";
import { keepListeners } from "./listeners.ts";
import { readWasm } from "./wasm_file.ts";
import { wasmThreadCode } from "./wasm_thread.generated.ts";

/** The most that tfjs's build takes. */
export const mostThreads = 8;

/**
 * Make tfjs's WASM backend of the build with threads. The package's own start is gone around: it
 * never takes that build outside a browser, gives its workers an address that no runtime takes, and
 * takes half of the processor's threads at most. TensorFlow.js is not told of the backend.
 *
 * Each thread but the first is a worker of `node:worker_threads`, which keeps no process alive.
 *
 * @param threads how many compute, the main one among them: 2 to {@linkcode mostThreads}
 * @param place where the `.wasm` file is, given its name and the folder of its package
 * @throws Error that says what went wrong; no worker is left then
 */
export async function createThreadedBackend(
  threads: number,
  place: (name: string, folder: string) => string,
): Promise<tfjs.KernelBackend> {
  const [{ BackendWasm, setThreadsCount }, loader, worker] = await Promise.all([
    import("@tensorflow/tfjs-backend-wasm"),
    import("@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.js"),
    // @ts-ignore: it comes without types
    import("@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.worker.js"),
  ]);
  const { load, script } = toParts(loader, worker);
  const module = await startModule(threads, load, script, place);
  setThreadsCount(threads);
  return new BackendWasm(module as unknown as ConstructorParameters<typeof BackendWasm>[0]);
}

/** How many threads a WASM backend computes with. */
export function threadsOf(backend: tfjs.KernelBackend): number {
  const { wasm } = backend as unknown as { wasm: Pick<WasmModule, "tfjs"> };
  return Math.max(1, wasm.tfjs.getThreadsCount());
}

/** End the workers of a backend that computes no more. The tensors on it can still be read. */
export function endThreads(backend: tfjs.KernelBackend): void {
  const { wasm } = backend as unknown as { wasm: Partial<WasmModule> };
  wasm.PThread?.terminateAllThreads();
}

type Loader = (config: ModuleConfig) => Promise<WasmModule>;

type Functions = Record<string, (...args: number[]) => number>;

/** What the loader is given; it makes the module out of it. */
interface ModuleConfig {
  mainScriptUrlOrBlob: string;
  locateFile(name: string, folder: string): string;
  instantiateWasm(
    imports: { env: object },
    receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ): object;
  PThread?: WasmModule["PThread"];
}

interface WasmModule {
  asm: Functions;
  PThread: { unusedWorkers: Worker[]; terminateAllThreads(): void };
  /** What tfjs's backend calls; its package writes it into the module. */
  tfjs: Functions;
}

function toParts(loader: unknown, worker: unknown): { load: Loader; script: string } {
  const { default: load } = loader as { default: Loader };
  const { default: { wasmWorkerContents } } = worker as { default: { wasmWorkerContents: string } };
  return { load, script: wasmWorkerContents };
}

async function startModule(
  threads: number,
  load: Loader,
  script: string,
  place: (name: string, folder: string) => string,
): Promise<WasmModule> {
  const workers: Worker[] = [];
  let reject: (error: unknown) => void;
  const failure = new Promise<never>((_, fail) => reject = fail);
  // Nobody waits for it where the loader throws at once.
  failure.catch(() => {});
  let onError = (error: Error): void => reject(error);
  let file = "";
  const config: ModuleConfig = {
    mainScriptUrlOrBlob: `var WasmBackendModuleThreadedSimd = ${load}`,
    locateFile: (name, folder) => name.endsWith(".wasm") ? file = place(name, folder) : name,
    instantiateWasm(imports, receive) {
      const start = async () => {
        const { instance, module } = await WebAssembly.instantiate(await readWasm(file), {
          ...imports,
          // Of these it takes half at most.
          env: { ...imports.env, emscripten_num_logical_cores: () => 2 * threads },
        });
        const { PThread } = config as WasmModule & ModuleConfig;
        while (workers.length < threads - 1) {
          const worker = startWorker(script, (error) => onError(error));
          worker.once("exit", () => reject(new Error("a thread ended before it had started")));
          workers.push(worker);
        }
        PThread.unusedWorkers = workers;
        receive(instance, module);
      };
      start().catch(reject);
      return {};
    },
  };
  try {
    const module = await Promise.race([withoutWorkers(() => load(config)), failure]);
    module.tfjs = exportsOf(module);
    // From now on nobody else would hear of it.
    onError = (error) => {
      throw error;
    };
    return module;
  } catch (error) {
    for (const worker of workers) worker.terminate();
    throw error;
  }
}

/**
 * The names by which the backend calls the module. They are the bare functions, for the loader's
 * own `dispose` would take the listeners of the whole process off.
 */
function exportsOf({ asm }: WasmModule): Functions {
  return {
    init: asm.init,
    initWithThreadsCount: asm.init_with_threads_count,
    getThreadsCount: asm.get_threads_count,
    registerTensor: asm.register_tensor,
    disposeData: asm.dispose_data,
    dispose: asm.dispose,
  };
}

/**
 * Call the loader, which puts the `Worker` of Node on the global and makes eight at once, however
 * many compute. Here it makes some that do nothing, and the global stays as it was.
 */
function withoutWorkers<T>(run: () => T): T {
  const before = Object.getOwnPropertyDescriptor(globalThis, "Worker");
  const restoreListeners = keepListeners();
  class NoWorker {}
  Object.defineProperty(globalThis, "Worker", {
    configurable: true,
    get: () => NoWorker,
    set: () => {},
  });
  try {
    return run();
  } finally {
    if (before === undefined) Reflect.deleteProperty(globalThis, "Worker");
    else Object.defineProperty(globalThis, "Worker", before);
    restoreListeners();
  }
}

/** Start a worker with its code in a `data:` URL, which needs neither a file nor a permission. */
function startWorker(script: string, onError: (error: Error) => void): Worker {
  const { Worker } = process.getBuiltinModule("node:worker_threads");
  const url = `data:text/javascript,${encodeURIComponent(wasmThreadCode)}`;
  // As tfjs itself does: a line feed in a string of the script has become a real one.
  const workerData = { script: script.replaceAll("\n", "\\n") };
  // What the process was started with is for its own program, as a loader of TypeScript is.
  const worker = new Worker(new URL(url), { execArgv: [], workerData });
  // The loader holds the process for as long as the thread runs, which has no end.
  worker.ref = () => {};
  // It would throw where nobody can catch.
  Object.defineProperty(worker, "onerror", { get: () => onError, set: () => {} });
  return worker;
}
