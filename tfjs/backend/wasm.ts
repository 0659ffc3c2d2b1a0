import type * as tfjs from "@tensorflow/tfjs";
import { registerTrainingKernels } from "../kernels/mod.ts";
import { keepListeners } from "./listeners.ts";
import { packageError } from "../../runtime/package_error.ts";
import { setBackend } from "./set_backend.ts";
import { checkInstalledWasm, readWasm } from "./wasm_file.ts";
import { createThreadedBackend, endThreads, maxThreads, threadsOf } from "./wasm_threads.ts";

/**
 * Location of the `.wasm` files: path or URL of their folder, or the location of each of the three.
 */
export type WasmPaths = string | URL | Record<string, string>;

/**
 * Set the backend to wasm, with the kernels for training. A running one is kept, or replaced for
 * another number of threads; its tensors move along.
 *
 * @param tf the TensorFlow.js that the models are made with
 * @param paths location of the files. Default: the package
 * @param threads number of threads, of which at most 8 are used. Default: the current number, else 1
 * @throws Error that says what went wrong and what to do; a running backend stays registered
 */
export async function startWasm(
  tf: typeof tfjs,
  paths?: WasmPaths,
  threads?: number,
): Promise<void> {
  try {
    await import("@tensorflow/tfjs-backend-wasm");
  } catch (error) {
    throw packageError(error, "@tensorflow/tfjs-backend-wasm", tf.version_core);
  }
  registerTrainingKernels(tf);
  const { registry } = tf.engine();
  const running = registry.wasm as tfjs.KernelBackend | undefined;
  const present = running && threadsOf(running);
  const count = Math.min(threads ?? present ?? 1, maxThreads);
  if (count === present) return await setBackend(tf, "wasm");
  await restartWasm(tf, paths, count);
  if (running !== undefined) endThreads(running);
}

async function restartWasm(
  tf: typeof tfjs,
  paths: WasmPaths | undefined,
  threads: number,
): Promise<void> {
  const { registry } = tf.engine();
  const running = registry.wasm as tfjs.KernelBackend | undefined;
  // The package's own start would check; otherwise the flag can only be read asynchronously.
  const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
  if (paths === undefined) {
    const name = threads > 1 ? "-threaded-simd" : simd ? "-simd" : "";
    await checkInstalledWasm(`tfjs-backend-wasm${name}.wasm`);
  }
  try {
    if (threads > 1) return await startThreaded(tf, paths, threads);
    delete registry.wasm;
    await startSingle(tf, paths);
  } catch (error) {
    if (registry.wasm !== undefined && registry.wasm !== running) endThreads(registry.wasm);
    if (running === undefined) delete registry.wasm;
    else registry.wasm = running;
    throw error;
  }
}

async function startThreaded(
  tf: typeof tfjs,
  paths: WasmPaths | undefined,
  threads: number,
): Promise<void> {
  tf.engine().registry.wasm = await createThreadedBackend(
    threads,
    (name, folder) => wasmFileUrl(name, paths ?? folder),
  );
  await setBackend(tf, "wasm");
}

/** Start it as the package does, and clean up afterwards. */
async function startSingle(tf: typeof tfjs, paths?: WasmPaths): Promise<void> {
  const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  if (paths !== undefined) setWasmPaths(toWasmPaths(paths), true);
  const restoreListeners = keepListeners();
  try {
    await withFetch(tf, (failure) => Promise.race([setBackend(tf, "wasm"), failure]));
  } finally {
    restoreListeners();
  }
}

function wasmFileUrl(name: string, paths: WasmPaths): string {
  const files = toWasmPaths(paths);
  const url = typeof files === "string" ? files + name : files[name];
  if (url === undefined) throw new Error(`wasmPaths has no entry for ${name}`);
  return url;
}

function toWasmPaths(paths: WasmPaths): string | Record<string, string> {
  if (typeof paths === "object" && !(paths instanceof URL)) return paths;
  return String(paths).replace(/\/?$/, "/");
}

/**
 * Fetch the file on behalf of the platform while the backend starts: also from disk, and with an
 * error. The package never finishes starting without its file.
 *
 * @param run receives a promise that rejects when the file cannot be fetched
 */
async function withFetch(
  tf: typeof tfjs,
  run: (failure: Promise<never>) => Promise<void>,
): Promise<void> {
  const { platform } = tf.env();
  const { fetch } = platform;
  let fail: (error: Error) => void;
  const failure = new Promise<never>((_, reject) => fail = reject);
  // Unused if the backend starts without a fetch.
  failure.catch(() => {});
  platform.fetch = async (path, options) => {
    if (!path.endsWith(".wasm")) return fetch.call(platform, path, options);
    try {
      return new Response(await readWasm(path));
    } catch (error) {
      fail(error as Error);
      return new Promise<never>(() => {});
    }
  };
  try {
    await run(failure);
  } catch (error) {
    // So that another attempt starts over instead of waiting for this one.
    const factory = tf.findBackendFactory("wasm");
    if (factory !== null && tf.engine().registry.wasm === undefined) {
      tf.removeBackend("wasm");
      tf.registerBackend("wasm", factory, 2);
    }
    throw error;
  } finally {
    platform.fetch = fetch;
  }
}
