import type * as tf from "@tensorflow/tfjs";
import { findEngine } from "../core/engine.ts";

/**
 * The part of TensorFlow.js's engine that the loops use. {@linkcode findEngine} tells where it
 * stands; so the loops work with the user's instance and never import one of their own.
 */
export interface Engine {
  readonly backendName: string;
  /** Every variable there is, by its unique name. */
  readonly registeredVariables: Record<string, tf.Variable>;
  tidy<T extends tf.TensorContainer | void>(run: () => T): T;
  keep<T extends tf.Tensor>(tensor: T): T;
  makeTensor(values: tf.TypedArray, shape: number[], dtype: tf.DataType): tf.Tensor;
  makeVariable(initial: tf.Tensor, trainable: boolean, name?: string): tf.Variable;
  /** Private to TypeScript. What a forward pass notes for its gradients. */
  readonly state: { activeTape: { saved?: tf.Tensor[] }[] | null };
}

/**
 * The engine of the user's TensorFlow.js.
 *
 * @throws TypeError when TensorFlow.js was never imported
 */
export function getEngine(): Engine {
  const engine = findEngine<Engine>();
  if (engine === undefined) {
    throw new TypeError(
      "Cannot train: TensorFlow.js is not loaded; import @tensorflow/tfjs and make the model with it",
    );
  }
  return engine;
}

/**
 * True when values can be read without waiting. WebGPU has no such read outside a browser, and a
 * wait for each batch would stall any device.
 */
export function readsSynchronously(engine: Engine): boolean {
  return engine.backendName !== "webgpu" && engine.backendName !== "webgl";
}

/** True when rows are best copied on the host: no device, or one whose slices copy everything. */
export function keepsRowsOnHost(engine: Engine): boolean {
  return engine.backendName === "cpu" || engine.backendName === "wasm";
}

/** Drop what a forward pass that failed has kept for its gradients: tfjs does so after success only. */
export function disposeTape({ state }: Engine): void {
  for (const { saved } of state.activeTape ?? []) saved?.forEach((tensor) => tensor.dispose());
  state.activeTape = null;
}
