import type * as tfjs from "@tensorflow/tfjs";
import { getRuntime } from "../../runtime/get_runtime.ts";
import { checkTensorFlow } from "../check_tensorflow.ts";
import { addedKernels } from "../kernels/registered.ts";
import { type AdapterDescription, adapterOf } from "./webgpu.ts";

/** Result of {@linkcode describeBackend}. */
export interface BackendDescription {
  /** Name of the current backend. */
  backend: string;
  /** Runtime and version: `deno 2.9.6`. */
  runtime: string;
  /** Version of TensorFlow.js. */
  tfjs: string;
  /** Graphics card, for a webgpu backend started by `useBackend`. */
  adapter?: AdapterDescription;
  /** How WebAssembly runs, for wasm. */
  wasm?: { simd: boolean; threads: number };
  /** Kernels that keepfit added or fixed on this backend. Sorted. */
  addedKernels: string[];
  /** Kernels of cpu that this backend lacks. Sorted. */
  missingKernels: string[];
  /** The description as text for people. */
  text: string;
}

/**
 * Describe what TensorFlow.js runs on: backend, runtime, graphics card, SIMD and threads, kernels
 * that keepfit added and kernels that are missing.
 *
 * @param tf the TensorFlow.js that the models are made with
 * @throws TypeError if `tf` is not TensorFlow.js
 * @throws Error when the backend has not been started; await `useBackend` or `tf.ready()` first
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { describeBackend, useBackend } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * await useBackend(tf, "cpu");
 * const { backend, missingKernels, text } = describeBackend(tf);
 * assert.equal(backend, "cpu");
 * assert.deepEqual(missingKernels, []);
 * assert.match(text, /^cpu on (deno|bun|node) /);
 * ```
 */
export function describeBackend(tf: typeof tfjs): BackendDescription {
  checkTensorFlow(tf, "describe the backend");
  // First, because it starts the default backend if none is set.
  const instance = tf.backend();
  const backend = tf.getBackend();
  const { name, version } = getRuntime();
  const present = new Set(kernelNames(tf, backend));
  const description = {
    backend,
    runtime: `${name} ${version}`,
    tfjs: tf.version_core,
    adapter: adapterOf(instance),
    wasm: backend === "wasm" ? wasmOf(tf, instance) : undefined,
    addedKernels: backend === "wasm" ? addedKernels(tf) : [],
    missingKernels: kernelNames(tf, "cpu").filter((kernel) => !present.has(kernel)),
  };
  return { ...description, text: textOf(description) };
}

function kernelNames(tf: typeof tfjs, backend: string): string[] {
  return tf.getKernelsForBackend(backend).map(({ kernelName }) => kernelName).sort();
}

function wasmOf(tf: typeof tfjs, instance: tfjs.KernelBackend): BackendDescription["wasm"] {
  const { wasm } = instance as unknown as { wasm: { tfjs: { getThreadsCount(): number } } };
  const threads = wasm.tfjs.getThreadsCount();
  return { simd: tf.env().getBool("WASM_HAS_SIMD_SUPPORT"), threads: Math.max(1, threads) };
}

function textOf(description: Omit<BackendDescription, "text">): string {
  const { backend, runtime, tfjs, adapter, wasm, addedKernels, missingKernels } = description;
  const lines = [`${backend} on ${runtime}, TensorFlow.js ${tfjs}`];
  if (adapter !== undefined) {
    const { vendor, architecture, device, description, isSoftware, source } = adapter;
    const words = description || [vendor, architecture, device].filter(Boolean).join(" ");
    lines.push(
      `adapter: ${words || "unnamed"}, by ${source}${isSoftware ? "; software, slow" : ""}`,
    );
  }
  if (wasm !== undefined) {
    const threads = `${wasm.threads} thread${wasm.threads === 1 ? "" : "s"}`;
    lines.push(`WebAssembly: ${wasm.simd ? "SIMD" : "no SIMD"}, ${threads}`);
  }
  if (addedKernels.length > 0) lines.push(`added or fixed: ${addedKernels.join(", ")}`);
  if (missingKernels.length > 0) lines.push(`missing: ${missingKernels.join(", ")}`);
  return lines.join("\n");
}
