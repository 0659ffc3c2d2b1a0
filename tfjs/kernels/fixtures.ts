/** Fixtures of the tests in this room. */
import type * as tfjs from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { registerTrainingKernels } from "./mod.ts";

const tf = await import("@tensorflow/tfjs");
await import("@tensorflow/tfjs-backend-wasm");

/** Reproducible numbers from 0 to 1. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}

/** Values of a shape from -2 to `top`. */
export function values(shape: number[], random: () => number, top = 2): Float32Array {
  const size = shape.reduce((a, b) => a * b, 1);
  return Float32Array.from({ length: size }, () => random() * (top + 2) - 2);
}

/** One of the list. */
export function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)];
}

/** Computation on tensors of the inputs. */
export type Compute = (...inputs: tfjs.Tensor[]) => tfjs.Tensor | tfjs.Tensor[];

/** Start a backend with the training kernels registered. */
export async function start(backend: "cpu" | "wasm"): Promise<void> {
  registerTrainingKernels(tf);
  assert(await tf.setBackend(backend));
}

/**
 * Assert that wasm computes the same as cpu, within 1e-4 of the greatest value, and leaves no
 * tensors.
 */
export async function sameOnWasm(what: string, inputs: Input[], compute: Compute): Promise<void> {
  const results: { shape: number[]; dtype: string; values: ArrayLike<number> }[][] = [];
  for (const backend of ["cpu", "wasm"] as const) {
    await start(backend);
    const { numTensors } = tf.memory();
    const dataIds = tf.backend().numDataIds();
    const outs = tf.tidy(() =>
      [compute(...inputs.map(({ values, shape, dtype }) => tf.tensor(values, shape, dtype)))].flat()
    );
    results.push(outs.map((out) => ({
      shape: out.shape,
      dtype: out.dtype,
      values: out.dataSync(),
    })));
    tf.dispose(outs);
    assert.equal(tf.memory().numTensors, numTensors, `${what}: tensors left on ${backend}`);
    assert.equal(tf.backend().numDataIds(), dataIds, `${what}: data left on ${backend}`);
  }
  const [cpu, wasm] = results;
  assert.equal(wasm.length, cpu.length);
  cpu.forEach((wanted, i) => {
    assert.deepEqual(wasm[i].shape, wanted.shape, what);
    assert.equal(wasm[i].dtype, wanted.dtype, what);
    close(wasm[i].values, wanted.values, `${what}, output ${i}`);
  });
}

/** Assert that two lists of values are within 1e-4 of the greatest, or of one. */
export function close(actual: ArrayLike<number>, wanted: ArrayLike<number>, what: string): void {
  assert.equal(actual.length, wanted.length, what);
  let scale = 1;
  for (let i = 0; i < wanted.length; i++) scale = Math.max(scale, Math.abs(wanted[i]));
  for (let i = 0; i < wanted.length; i++) {
    assert(
      Math.abs(actual[i] - wanted[i]) <= 1e-4 * scale,
      `${what}: value ${i} is ${actual[i]}, on cpu ${wanted[i]}`,
    );
  }
}

/** Description of a tensor. */
export interface Input {
  shape: number[];
  values: Float32Array | Int32Array;
  dtype?: "float32" | "int32";
}

/**
 * Assert that a function and its gradients, weighted so that no two are equal, are the same on wasm
 * and cpu.
 */
export async function sameGradients(
  what: string,
  inputs: Input[],
  compute: (...inputs: tfjs.Tensor[]) => tfjs.Tensor,
): Promise<void> {
  await sameOnWasm(what, inputs, (...tensors) => {
    const out = compute(...tensors);
    const weights = tf.linspace(-1, 1, Math.max(1, out.size)).reshape(out.shape);
    return [out, ...tf.grads((...xs) => compute(...xs).mul(weights).sum())(tensors)];
  });
}
