import type * as tfjs from "@tensorflow/tfjs";
import { getRuntime } from "../get_runtime.ts";
import { registerTrainingKernels } from "./kernels/mod.ts";
import { setBackend } from "./set_backend.ts";

/** Where the `.wasm` files are: a folder's path or URL, or the place of each of the three. */
export type WasmPaths = string | URL | Record<string, string>;

/**
 * Set the backend to wasm, with the kernels that training needs, and clear up behind its start: that makes the process rethrow every
 * uncaught error and unhandled rejection, also those that have nothing to do with it, and a file
 * that cannot be fetched would be such a rejection.
 *
 * @param tf the TensorFlow.js that the models are made with
 * @param paths where the files are. Default: in their package
 * @throws Error that says what went wrong
 */
export async function startWasm(tf: typeof tfjs, paths?: WasmPaths): Promise<void> {
  const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  registerTrainingKernels(tf);
  if (tf.engine().registry.wasm !== undefined) return await setBackend(tf, "wasm");
  if (paths !== undefined) setWasmPaths(toWasmPaths(paths), true);
  const restoreListeners = keepListeners();
  try {
    await withFetch(tf, (failure) => Promise.race([setBackend(tf, "wasm"), failure]));
  } finally {
    restoreListeners();
  }
}

function toWasmPaths(paths: WasmPaths): string | Record<string, string> {
  if (typeof paths === "object" && !(paths instanceof URL)) return paths;
  return String(paths).replace(/\/?$/, "/");
}

/**
 * Read the file in the platform's place while the backend starts: from disk too, and with the error
 * in hand. A start whose file is missing never ends.
 *
 * @param run is given a promise that rejects when the file cannot be had
 */
async function withFetch(
  tf: typeof tfjs,
  run: (failure: Promise<never>) => Promise<void>,
): Promise<void> {
  const { platform } = tf.env();
  const { fetch } = platform;
  let fail: (error: Error) => void;
  const failure = new Promise<never>((_, reject) => fail = reject);
  // Nobody waits for it where the backend starts without a fetch.
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
    // So that another try begins anew, instead of waiting for this one.
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

async function readWasm(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const isWeb = /^(https?|data|blob):/.test(path);
  const bytes = isWeb
    ? await download(path)
    : await getRuntime().fs.readFile(path.startsWith("file:") ? new URL(path) : path);
  const copy = new Uint8Array(bytes);
  if (!WebAssembly.validate(copy)) throw new Error(`${path} is not WebAssembly`);
  return copy;
}

async function download(url: string): Promise<ArrayBuffer> {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`the server answers ${response.status}`);
    return await response.arrayBuffer();
  } catch (error) {
    // Node says why only in the cause.
    const { message, cause } = error as Error;
    const detail = cause instanceof Error ? `${message}: ${cause.message}` : message;
    throw new Error(`Cannot read ${url}: ${detail}`, { cause: error });
  }
}

type Listener = (...args: unknown[]) => void;

interface ListeningProcess {
  listeners(event: string): Listener[];
  removeListener(event: string, listener: Listener): void;
}

/** Note who listens to the process; what is returned takes the others off again. */
function keepListeners(): () => void {
  const { process } = globalThis as { process?: ListeningProcess };
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const before = events.map((event) => new Set(process?.listeners(event)));
  return () =>
    events.forEach((event, i) => {
      for (const listener of process?.listeners(event) ?? []) {
        if (!before[i].has(listener)) process?.removeListener(event, listener);
      }
    });
}
