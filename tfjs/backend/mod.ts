/**
 * What TensorFlow.js computes with: the fastest backend that works here, with the kernels that it
 * lacks for training.
 *
 * @module
 */
import type * as tfjs from "@tensorflow/tfjs";
import { skipBanner } from "./banner.ts";
import type { GPULike } from "../../runtime/gpu.ts";
import { setBackend } from "./set_backend.ts";
import { startWasm, type WasmPaths } from "./wasm.ts";
import { forgetWebGPU, startWebGPU } from "./webgpu.ts";

export type { GPUAdapterLike, GPUDeviceLike, GPULike } from "../../runtime/gpu.ts";
export { type BackendDescription, describeBackend } from "./describe.ts";
export type { WasmPaths } from "./wasm.ts";
export type { AdapterDescription } from "./webgpu.ts";

/** A backend that {@linkcode useBackend} can choose. Sorted. */
export type BackendName = "cpu" | "wasm" | "webgpu";

/** `"auto"` takes the fastest that works: webgpu on a graphics card, then wasm, then cpu. */
export type BackendChoice = "auto" | BackendName;

/** Options of {@linkcode useBackend}. */
export interface BackendOptions {
  /**
   * Where the `.wasm` files of `@tensorflow/tfjs-backend-wasm` are: a folder's path or URL, or the
   * place of each file by its name. Read when wasm starts, first or with other threads;
   * TensorFlow.js keeps a place that failed until another is given. Deno needs `--allow-read` of a
   * path and `--allow-net` of a URL's host. Default: in the package.
   */
  wasmPaths?: WasmPaths;
  /**
   * How many threads wasm computes with, the main one among them; more than 8 count as 8. Where
   * they do not start, it computes with one. Two halve the time of a large product of matrices, but
   * hardly that of a training step, and on a busy machine they are slower than one. Default: as
   * many as it runs with, at first one.
   */
  threads?: number;
  /**
   * An implementation of WebGPU to compute on. Default: `navigator.gpu`, else the package `webgpu`
   * (Node and Bun) or `bun-webgpu` (Bun), where it is installed.
   */
  gpu?: GPULike;
}

/** What {@linkcode useBackend} came to. */
export interface ChosenBackend {
  /** The backend that is set now, and has been seen to work: the one that was asked for by name. */
  backend: BackendName;
  /** Why each faster one cannot be used; wasm itself, where its threads do not start. */
  reasons: { backend: BackendName; reason: string }[];
}

/** What is tried in one go. */
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

/** Marks the backend that was chosen here; `fit` gives no hint at faster ones then. */
const chosenKey = Symbol.for("keepfit.backend.chosen");

/**
 * Set the backend of TensorFlow.js to one that works here. Each candidate is set, checked and made
 * to multiply two matrices, so that tfjs is never left on a backend that does not work. With
 * `"auto"` the next one is tried when it fails; one that is asked for by name is set or an error
 * says why not.
 *
 * When `"auto"` ends on cpu, where training takes ten to two hundred times as long, it warns once
 * why wasm cannot be used and what to do: which package to install, which permission to give.
 *
 * Call it before the first tensor is made, and TensorFlow.js does not print its advertisement of
 * tfjs-node either.
 *
 * Call it again to switch. Models and optimizers go along; of other tensors that were computed on
 * webgpu, read the values before (`await tensor.data()`), for outside a browser there is no reading
 * without waiting, and using them on the next backend would be that.
 *
 * `"auto"` leaves out a WebGPU that is software (llvmpipe, SwiftShader): it is slower than wasm.
 * `"webgpu"` takes it. On Deno for Linux `"auto"` looks for a graphics card before it starts WebGPU;
 * that needs `-A`, see `docs/backends.md`.
 *
 * @param tf the TensorFlow.js that the models are made with
 * @param choice the fastest that works, or a backend by its name. Default: `"auto"`
 * @param options threads, and where things are that are not where they are expected
 * @returns the backend that is set, and why not a faster one
 * @throws RangeError when `choice` is none of the four, or `threads` no whole number from 1
 * @throws Error when the backend that is asked for by name cannot be used, or with `"auto"` not even
 *   cpu; it says why and what to do. The backend from before is set again, or cpu
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
      // Deno's navigator.gpu is always there, so tfjs would start it by itself.
      if (backend === "webgpu" && !hadWebGPU) forgetWebGPU(tf);
    }
  }
  const last = before && tf.engine().registry[before] !== undefined ? before : "cpu";
  if (tf.findBackend(last) !== null) await tf.setBackend(last);
  if (choice === "auto") {
    const told = reasons.map(({ backend, reason }) => `${backend}: ${reason}`).join("; ");
    throw new Error(`Cannot use any backend of TensorFlow.js (${told})`, { cause });
  }
  throw new Error(
    `Cannot use backend ${choice}: ${reasons[reasons.length - 1].reason}` +
      (choice === "cpu" ? "" : "; useBackend(tf) takes the fastest backend that works here"),
    { cause },
  );
}

const warned = new Set<string>();

/** Warn that training will be slow, once a process for each reason. */
function warnOfCpu(reasons: ChosenBackend["reasons"]): void {
  const reason = reasons.findLast(({ backend }) => backend === "wasm")?.reason;
  if (reason === undefined || warned.has(reason)) return;
  warned.add(reason);
  console.warn(
    `keepfit: TensorFlow.js computes on cpu, its slowest backend, because wasm cannot be used: ` +
      `${reason}; useBackend(tf, "cpu") takes cpu without this warning`,
  );
}

/** Each candidate in its turn; wasm without threads where it does not start with them. */
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
  if (backend === "wasm") return await startWasm(tf, wasmPaths, threads);
  await setBackend(tf, "cpu");
}

/** What has been read once can be moved to another backend. */
async function readVariables(tf: typeof tfjs): Promise<void> {
  const variables = Object.values(tf.engine().registeredVariables);
  // A device that is lost must not stand in the way of leaving it.
  await Promise.allSettled(variables.map((variable) => variable.data()));
}

async function multiply(tf: typeof tfjs): Promise<void> {
  const product = tf.tidy(() => tf.matMul([[1, 2], [3, 4]], [[5, 6], [7, 8]]));
  try {
    const values = String(await product.data());
    if (values !== "19,22,43,50") throw new Error(`it multiplies wrongly: ${values}`);
  } finally {
    product.dispose();
  }
}
