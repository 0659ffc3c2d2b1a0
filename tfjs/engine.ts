import type * as tf from "@tensorflow/tfjs";

/** Memory of the TensorFlow.js engine, as returned by `tf.memory()`. */
export interface EngineMemory {
  /** Number of tensors that are not disposed. */
  numTensors: number;
  /** Size of their values in bytes. */
  numBytes: number;
}

/** The part of TensorFlow.js's engine for callbacks. */
export interface TensorEngine {
  memory(): EngineMemory;
}

/**
 * The engine of the user's TensorFlow.js; undefined if none was imported.
 *
 * `tf.engine()` returns the same object. It is a global that all copies of tfjs in a process share,
 * so that loops and callbacks reach it without their own copy. Only this file knows where it is;
 * code that needs more than its memory declares the part as `Engine`.
 */
export function findEngine<Engine = TensorEngine>(): Engine | undefined {
  return (globalThis as { _tfengine?: Engine })._tfengine;
}

/** What all copies of TensorFlow.js in a process share besides the engine, such as the kernels. */
export function findGlobals(): Map<string, unknown> | undefined {
  return (globalThis as { _tfGlobals?: Map<string, unknown> })._tfGlobals;
}

/**
 * The part of TensorFlow.js's engine for the loops. Through {@linkcode findEngine} they work with
 * the user's instance and never import another one.
 */
export interface Engine {
  readonly backendName: string;
  readonly backend: unknown;
  /** All variables by their unique names. */
  readonly registeredVariables: Record<string, tf.Variable>;
  tidy<T extends tf.TensorContainer | void>(run: () => T): T;
  keep<T extends tf.Tensor>(tensor: T): T;
  makeTensor(values: tf.TypedArray, shape: number[], dtype: tf.DataType): tf.Tensor;
  /** Make a tensor from the result of a backend. */
  makeTensorFromTensorInfo(info: tf.TensorInfo, backend: unknown): tf.Tensor;
  makeVariable(initial: tf.Tensor, trainable: boolean, name?: string): tf.Variable;
  /** Private to TypeScript. */
  readonly state: {
    /** Records of a forward pass for its gradients. */
    activeTape: { saved?: tf.Tensor[] }[] | null;
    /** Storage of each tensor. */
    tensorInfo: WeakMap<tf.DataId, { backend: unknown }>;
  };
}

/** The used part of tfjs's wasm backend. */
export interface Heap {
  /** Allocate a tensor with uninitialized values. The heap may grow, which invalidates views. */
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  /** A view of a tensor's values, valid until the next allocation. */
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
 * Whether values can be read synchronously. WebGPU cannot outside a browser, and waiting for each
 * batch would stall any device.
 */
export function readsSynchronously(engine: Engine): boolean {
  return engine.backendName !== "webgpu" && engine.backendName !== "webgl";
}

/** The backend with tensors on a heap visible to JavaScript; undefined for another backend. */
export function heapOf(engine: Engine): Heap | undefined {
  return engine.backendName === "wasm" ? engine.backend as Heap : undefined;
}

/** Whether kernels are being profiled or checked. */
export function isWatched(engine: Engine): boolean {
  const { state, ENV } = engine as Engine & {
    readonly state: { profiling?: boolean };
    readonly ENV?: { getBool(flag: string): boolean };
  };
  return state.profiling === true || ENV?.getBool("DEBUG") === true;
}

/** Drop what a failed forward pass kept for its gradients: tfjs does so only after success. */
export function disposeTape({ state }: Engine): void {
  for (const { saved } of state.activeTape ?? []) saved?.forEach((tensor) => tensor.dispose());
  state.activeTape = null;
}
