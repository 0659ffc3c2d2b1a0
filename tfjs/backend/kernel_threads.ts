import type * as tfjs from "@tensorflow/tfjs";
import { getRuntime } from "../../runtime/get_runtime.ts";
import type { WorkerThread } from "../../runtime/types.ts";
import { KernelThreads } from "../plan/kernel_threads.ts";
import { setWorkSharing } from "../plan/work_sharing.ts";
import type { KernelThreadStart } from "./kernel_thread.ts";
import { kernelThreadCode } from "./kernel_thread.generated.ts";

/** The used part of the module of tfjs's WASM backend with threads. */
interface ThreadedModule {
  wasmMemory: WebAssembly.Memory;
  PThread: { terminateAllThreads(): void };
  _malloc(bytes: number): number;
  _free(address: number): void;
}

/** Time limit for the start of the threads, in milliseconds. */
const startTime = 60_000;

/**
 * Start threads that compute parts of the large products of compiled steps, on the memory of
 * TensorFlow.js's WASM backend. They do not keep the process alive, and end with the backend's own
 * threads.
 *
 * @param count number of threads besides the main one
 * @throws Error that says what went wrong; all of them have then ended
 */
export async function startKernelThreads(
  backend: tfjs.KernelBackend,
  count: number,
): Promise<void> {
  // Late, because it brings the kernels.
  const { kernelModule } = await import("../plan/kernels.ts");
  const { wasm } = backend as unknown as { wasm: ThreadedModule };
  const module = kernelModule(true);
  const threads = new KernelThreads(count, wasm);
  const { buffer } = threads.queue;
  const workers: WorkerThread[] = [];
  const end = (): void => {
    threads.queue.end();
    for (const worker of workers) void worker.terminate();
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    // The timer also keeps the process alive until they have started.
    const timeout = new Promise<never>((_, reject) => {
      const late = () => reject(new Error(`no start within ${startTime / 1000} s`));
      timer = setTimeout(late, startTime);
    });
    const starts = Array.from(
      { length: count },
      (_, thread) =>
        new Promise<void>((resolve, reject) => {
          const { worker, post } = startThread(resolve, reject);
          workers.push(worker);
          post({ module, memory: wasm.wasmMemory, tasks: buffer, thread });
        }),
    );
    await Promise.race([Promise.all(starts), timeout]);
  } catch (error) {
    end();
    throw new Error(`a thread of keepfit's kernels failed: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
  const { PThread } = wasm;
  const endTheirs = PThread.terminateAllThreads;
  PThread.terminateAllThreads = () => {
    endTheirs.call(PThread);
    end();
  };
  setWorkSharing(backend, (kernels) => threads.sharing(kernels));
}

/** Start a thread from a `data:` URL, which needs neither a file nor a permission. */
function startThread(onReady: () => void, onEnd: (error: Error) => void) {
  const url = `data:text/javascript,${encodeURIComponent(kernelThreadCode)}`;
  const worker = getRuntime().startWorker(url, {
    onMessage: onReady,
    onEnd: (reason) => onEnd(new Error(reason)),
  });
  return { worker, post: (message: KernelThreadStart) => worker.post(message) };
}
