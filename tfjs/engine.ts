import type * as tf from "@tensorflow/tfjs";

/** What the engine of TensorFlow.js holds; `tf.memory()` gives the same. */
export interface EngineMemory {
  /** Tensors that are not disposed. */
  numTensors: number;
  /** Bytes of their values, undisposed ones only. */
  numBytes: number;
}

/** The part of TensorFlow.js's engine that a callback may ask. */
export interface TensorEngine {
  memory(): EngineMemory;
}

/**
 * The engine of the user's TensorFlow.js; undefined where none was imported.
 *
 * `tf.engine()` is the same object. It stands on the global, where every copy of tfjs of one process
 * shares it, so that loops and callbacks reach it without a copy of their own. No other place knows
 * so: who needs more of it than its memory names the part as `Engine`.
 */
export function findEngine<Engine = TensorEngine>(): Engine | undefined {
  return (globalThis as { _tfengine?: Engine })._tfengine;
}

/**
 * The part of TensorFlow.js's engine that the loops use. {@linkcode findEngine} tells where it
 * stands; so the loops work with the user's instance and never import one of their own.
 */
export interface Engine {
  readonly backendName: string;
  readonly backend: unknown;
  /** Every variable there is, by its unique name. */
  readonly registeredVariables: Record<string, tf.Variable>;
  tidy<T extends tf.TensorContainer | void>(run: () => T): T;
  keep<T extends tf.Tensor>(tensor: T): T;
  makeTensor(values: tf.TypedArray, shape: number[], dtype: tf.DataType): tf.Tensor;
  /** A tensor of what a backend has made. */
  makeTensorFromTensorInfo(info: tf.TensorInfo, backend: unknown): tf.Tensor;
  makeVariable(initial: tf.Tensor, trainable: boolean, name?: string): tf.Variable;
  /** Private to TypeScript. */
  readonly state: {
    /** What a forward pass notes for its gradients. */
    activeTape: { saved?: tf.Tensor[] }[] | null;
    /** Where the values of each tensor are. */
    tensorInfo: WeakMap<tf.DataId, { backend: unknown }>;
  };
}

/** What the loops use of tfjs's wasm backend. */
export interface Heap {
  /** Make a tensor, its values whatever was there. The heap may grow: views of it are then dead. */
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  /** A view of a tensor's values, good until the next allocation. */
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array | Int32Array | Uint8Array;
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

/** The backend whose tensors lie on a heap that JavaScript sees; undefined when another is set. */
export function heapOf(engine: Engine): Heap | undefined {
  return engine.backendName === "wasm" ? engine.backend as Heap : undefined;
}

/** Drop what a forward pass that failed has kept for its gradients: tfjs does so after success only. */
export function disposeTape({ state }: Engine): void {
  for (const { saved } of state.activeTape ?? []) saved?.forEach((tensor) => tensor.dispose());
  state.activeTape = null;
}
