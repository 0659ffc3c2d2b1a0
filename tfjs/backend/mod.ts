/**
 * Backends of TensorFlow.js: choose the fastest that works here, with the kernels that training
 * needs.
 *
 * @module
 */
import type * as tfjs from "@tensorflow/tfjs";
import { checkTensorFlow } from "../check_tensorflow.ts";
import { explainUnknownNames } from "../compile_hints.ts";
import { skipBanner } from "./banner.ts";
import type { GPULike } from "../../runtime/gpu.ts";
import { setBackend } from "./set_backend.ts";
import type { WasmPaths } from "./wasm.ts";
import { forgetWebGPU, startWebGPU } from "./webgpu.ts";

export type { GPUAdapterLike, GPUDeviceLike, GPULike } from "../../runtime/gpu.ts";
export { type BackendDescription, describeBackend } from "./describe.ts";
export type { WasmPaths } from "./wasm.ts";
export type { AdapterDescription } from "./webgpu.ts";

/** A backend that {@linkcode useBackend} can choose. Sorted. */
export type BackendName = "cpu" | "wasm" | "webgpu";

/**
 * `"auto"` chooses the fastest backend that works: webgpu on a graphics card, then wasm, then cpu.
 */
export type BackendChoice = "auto" | BackendName;

/** Options of {@linkcode useBackend}. */
export interface BackendOptions {
  /**
   * Location of the `.wasm` files of `@tensorflow/tfjs-backend-wasm`: path or URL of their folder,
   * or the location of each file by name. Read when wasm starts, or restarts with other threads;
   * TensorFlow.js keeps a failed location until another is given. Deno needs `--allow-read` for a
   * path and `--allow-net` for a URL. Default: the package.
   */
  wasmPaths?: WasmPaths;
  /**
   * Number of threads of wasm, including the main one; more than 8 count as 8. If they fail to
   * start, wasm runs with one. Compiled steps share the products of more than about half a
   * millisecond between them, with the results of one thread. What TensorFlow.js computes gains
   * little. On a busy machine, several threads may be slower than one. Default: the current number,
   * at first 1.
   */
  threads?: number;
  /**
   * Implementation of WebGPU. Default: `navigator.gpu`, else the package `webgpu` (Node and Bun) or
   * `bun-webgpu` (Bun), if installed.
   */
  gpu?: GPULike;
}

/** Result of {@linkcode useBackend}. */
export interface ChosenBackend {
  /** The current backend, which was tested: the requested one, if it was requested by name. */
  backend: BackendName;
  /**
   * Why each faster backend cannot be used; also for wasm itself, if its threads failed to start.
   */
  reasons: { backend: BackendName; reason: string }[];
}

/** A single attempt. */
interface Attempt {
  backend: BackendName;
  threads?: number;
}

const order: Record<BackendChoice, BackendName[]> = {
  auto: ["webgpu", "wasm", "cpu"],
  webgpu: ["webgpu"],
  wasm: ["wasm"],
  cpu: ["cpu"],
};

/** Marks a backend chosen here, for which `fit` gives no hint at faster ones. */
const chosenKey = Symbol.for("keepfit.backend.chosen");

/**
 * Set the backend of TensorFlow.js to one that works here. Each candidate is set and tested with a
 * matrix product, so that tfjs is never left on a broken backend. With `"auto"`, the next candidate
 * is tried after a failure; a backend requested by name is set or an error says why not.
 *
 * If `"auto"` ends on cpu, where training takes ten to two hundred times as long, it warns once why
 * wasm cannot be used and what to do: which package to install, which permission to give.
 *
 * From then on, the errors of `model.compile` for an unknown optimizer, loss or metric name the
 * nearest one.
 *
 * Call it before the first tensor is created, and TensorFlow.js does not print its advertisement of
 * tfjs-node either.
 *
 * Call it again to switch. Models and optimizers move along. Read the values of other tensors on
 * webgpu before (`await tensor.data()`): outside a browser they cannot be read synchronously, which
 * using them on the next backend would require.
 *
 * `"auto"` skips a software WebGPU (llvmpipe, SwiftShader), which is slower than wasm; `"webgpu"`
 * accepts it. On Deno for Linux, `"auto"` checks for a graphics card before it starts WebGPU, which
 * needs `-A`; see `docs/backends.md`.
 *
 * @param tf the TensorFlow.js that the models are made with
 * @param choice `"auto"`, or a backend by name. Default: `"auto"`
 * @param options threads and locations
 * @returns the current backend, and why not a faster one
 * @throws TypeError if `tf` is not TensorFlow.js
 * @throws RangeError for an unknown `choice`, or when `threads` is not a whole number from 1
 * @throws Error that says why and what to do, when the requested backend, or with `"auto"` even cpu,
 *   cannot be used. The previous backend is set again, or cpu
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { useBackend } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const { backend, reasons } = await useBackend(tf, "cpu");
 * assert.equal(backend, "cpu");
 * assert.equal(tf.getBackend(), "cpu");
 * assert.deepEqual(reasons, []);
 * ```
 */
export async function useBackend(
  tf: typeof tfjs,
  choice: BackendChoice = "auto",
  options: BackendOptions = {},
): Promise<ChosenBackend> {
  checkTensorFlow(tf, "use a backend");
  if (!Object.hasOwn(order, choice)) {
    throw new RangeError(
      `Cannot use backend ${JSON.stringify(choice)}: it must be "auto", "webgpu", "wasm" or "cpu"`,
    );
  }
  const { threads } = options;
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw new RangeError(
      `Cannot use a backend with ${threads} threads: it must be a whole number, 1 or more`,
    );
  }
  skipBanner(tf);
  explainUnknownNames(tf);
  const before = tf.getBackend();
  const hadWebGPU = tf.engine().registry.webgpu !== undefined;
  const reasons: ChosenBackend["reasons"] = [];
  let cause: unknown;
  for (const { backend, threads } of attempts(choice, options.threads)) {
    try {
      await start(tf, backend, choice, { ...options, threads });
      await multiply(tf);
      if (choice === "auto" && backend === "cpu") warnOfCpu(reasons);
      Object.defineProperty(tf.backend(), chosenKey, { value: true });
      return { backend, reasons };
    } catch (error) {
      cause = error;
      const message = error instanceof Error ? error.message : String(error);
      const isThreaded = threads !== undefined && threads > 1;
      reasons.push({ backend, reason: isThreaded ? `${threads} threads: ${message}` : message });
      // Deno always has navigator.gpu, so tfjs would start webgpu without being asked.
      if (backend === "webgpu" && !hadWebGPU) forgetWebGPU(tf);
    }
  }
  const last = before && tf.engine().registry[before] !== undefined ? before : "cpu";
  if (tf.findBackend(last) !== null) await tf.setBackend(last);
  if (choice === "auto") {
    const listed = reasons.map(({ backend, reason }) => `${backend}: ${reason}`).join("; ");
    throw new Error(`Cannot use any backend of TensorFlow.js (${listed})`, { cause });
  }
  throw new Error(
    `Cannot use backend ${choice}: ${reasons[reasons.length - 1].reason}` +
      (choice === "cpu" ? "" : "; useBackend(tf) takes the fastest backend that works here"),
    { cause },
  );
}

const warned = new Set<string>();

/** Warn that training will be slow, once per process and reason. */
function warnOfCpu(reasons: ChosenBackend["reasons"]): void {
  const reason = reasons.findLast(({ backend }) => backend === "wasm")?.reason;
  if (reason === undefined || warned.has(reason)) return;
  warned.add(reason);
  console.warn(
    `keepfit: TensorFlow.js computes on cpu, its slowest backend, because wasm cannot be used: ` +
      `${reason}; useBackend(tf, "cpu") takes cpu without this warning`,
  );
}

/** Candidates in order; wasm without threads follows wasm with threads. */
function attempts(choice: BackendChoice, threads?: number): Attempt[] {
  return order[choice].flatMap((backend): Attempt[] => {
    if (backend !== "wasm") return [{ backend }];
    const single = threads === undefined || threads === 1;
    return single ? [{ backend, threads }] : [{ backend, threads }, { backend, threads: 1 }];
  });
}

async function start(
  tf: typeof tfjs,
  backend: BackendName,
  choice: BackendChoice,
  { wasmPaths, threads, gpu }: BackendOptions,
): Promise<void> {
  if (backend === "webgpu") return await startWebGPU(tf, gpu, choice === "webgpu");
  if (tf.getBackend() === "webgpu") await readVariables(tf);
  if (backend === "wasm") {
    // Late, because it brings the training kernels.
    const { startWasm } = await import("./wasm.ts");
    return await startWasm(tf, wasmPaths, threads);
  }
  await setBackend(tf, "cpu");
}

/** Values that were read can be moved to another backend. */
async function readVariables(tf: typeof tfjs): Promise<void> {
  const variables = Object.values(tf.engine().registeredVariables);
  // A lost device must not prevent leaving it.
  await Promise.allSettled(variables.map((variable) => variable.data()));
}

async function multiply(tf: typeof tfjs): Promise<void> {
  const product = tf.tidy(() => tf.matMul([[1, 2], [3, 4]], [[5, 6], [7, 8]]));
  try {
    const values = String(await product.data());
    if (values !== "19,22,43,50") throw new Error(`it computes a wrong product: ${values}`);
  } finally {
    product.dispose();
  }
}
