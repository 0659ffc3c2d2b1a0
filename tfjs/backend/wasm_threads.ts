import type * as tfjs from "@tensorflow/tfjs";
import type { Worker } from "node:worker_threads";
import { startKernelThreads } from "./kernel_threads.ts";
import { keepListeners } from "./listeners.ts";
import { readWasm } from "./wasm_file.ts";
import { wasmThreadCode } from "./wasm_thread.generated.ts";

/** Maximum number of threads of tfjs's build. */
export const maxThreads = 8;

/**
 * Create tfjs's WASM backend from the build with threads. The package's own start is bypassed: it
 * never uses that build outside a browser, gives its workers a URL that no runtime accepts, and
 * uses at most half of the processor's threads. TensorFlow.js does not register the backend.
 *
 * Each thread but the first is a worker of `node:worker_threads`, which does not keep the process
 * alive.
 *
 * @param threads number of threads, including the main one: 2 to {@linkcode maxThreads}
 * @param urlOf returns the location of the `.wasm` file, from its name and the folder of its package
 * @throws Error that says what went wrong; all workers have then ended
 */
export async function createThreadedBackend(
  threads: number,
  urlOf: (name: string, folder: string) => string,
): Promise<tfjs.KernelBackend> {
  const [{ BackendWasm, setThreadsCount }, loader, worker] = await Promise.all([
    import("@tensorflow/tfjs-backend-wasm"),
    import("@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.js"),
    // @ts-ignore: it comes without types
    import("@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.worker.js"),
  ]);
  const { load, script } = toParts(loader, worker);
  const module = await startModule(threads, load, script, urlOf);
  setThreadsCount(threads);
  const backend = new BackendWasm(
    module as unknown as ConstructorParameters<typeof BackendWasm>[0],
  );
  try {
    await startKernelThreads(backend, threads - 1);
  } catch (error) {
    endThreads(backend);
    throw error;
  }
  return backend;
}

/** Number of threads of a WASM backend. */
export function threadsOf(backend: tfjs.KernelBackend): number {
  const { wasm } = backend as unknown as { wasm: Pick<WasmModule, "tfjs"> };
  return Math.max(1, wasm.tfjs.getThreadsCount());
}

/** Terminate the workers of a backend. Its tensors can still be read. */
export function endThreads(backend: tfjs.KernelBackend): void {
  const { wasm } = backend as unknown as { wasm: Partial<WasmModule> };
  wasm.PThread?.terminateAllThreads();
}

type Loader = (config: ModuleConfig) => Promise<WasmModule>;

type Functions = Record<string, (...args: number[]) => number>;

/** Argument of the loader, which turns it into the module. */
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
  /** The part of the module that tfjs's backend calls, which the package adds. */
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
  urlOf: (name: string, folder: string) => string,
): Promise<WasmModule> {
  const workers: Worker[] = [];
  let reject: (error: unknown) => void;
  const failure = new Promise<never>((_, fail) => reject = fail);
  // Unused if the loader throws synchronously.
  failure.catch(() => {});
  let onError = (error: Error): void => reject(error);
  let file = "";
  const config: ModuleConfig = {
    mainScriptUrlOrBlob: `var WasmBackendModuleThreadedSimd = ${load}`,
    locateFile: (name, folder) => name.endsWith(".wasm") ? file = urlOf(name, folder) : name,
    instantiateWasm(imports, receive) {
      const start = async () => {
        const { instance, module } = await WebAssembly.instantiate(await readWasm(file), {
          ...imports,
          // It uses at most half of these.
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
    // Later failures would not be noticed.
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
 * The names by which the backend calls the module. They are the plain functions, because the
 * loader's own `dispose` would remove the listeners of the whole process.
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
 * Call the loader, which sets the global `Worker` of Node and always creates eight. Here it creates
 * idle ones, and the global is restored.
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

/** Start a worker from a `data:` URL, which needs neither a file nor a permission. */
function startWorker(script: string, onError: (error: Error) => void): Worker {
  const { Worker } = process.getBuiltinModule("node:worker_threads");
  const url = `data:text/javascript,${encodeURIComponent(wasmThreadCode)}`;
  // As tfjs does: a line feed in a string of the script has become a real one.
  const workerData = { script: script.replaceAll("\n", "\\n") };
  // Not this process's flags, such as a TypeScript loader.
  const worker = new Worker(new URL(url), { execArgv: [], workerData });
  // The loader keeps the process alive as long as the thread runs, which is forever.
  worker.ref = () => {};
  // It would throw where nothing can catch it.
  Object.defineProperty(worker, "onerror", { get: () => onError, set: () => {} });
  return worker;
}
