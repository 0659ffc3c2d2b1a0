import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "../engine.ts";
import { type Block, NotPlanned } from "./builder.ts";
import { instantiateKernels, type Kernels } from "./kernels.ts";

/** The memory that a plan computes in. */
export interface PlanMemory {
  readonly kernels: Kernels;
  /** Whether the values of the backend's tensors are in this memory. */
  readonly holdsTensors: boolean;
  /** All of it as float32; valid until something is allocated. */
  floats(): Float32Array;
  /** Allocate bytes; returns the address, divisible by 16. */
  allocate(bytes: number): number;
  /** Free what {@linkcode PlanMemory.allocate} returned. */
  free(address: number): void;
  /** Address of a tensor's values, if they are in this memory. */
  addressOf(tensor: tf.Tensor): number;
  /** The values of a tensor, as they are stored: live, never to be written. */
  valuesOf(tensor: tf.Tensor): tf.TypedArray;
  /** Give a variable the values of a block; what others hold of it stays as it is. */
  assign(variable: tf.Variable, block: Block): void;
  /** Make a tensor whose values a block has from now on, at an address that may change. */
  tensorOf(block: Block, shape: number[]): BlockTensor;
}

/** A tensor with the values of a block. */
export interface BlockTensor {
  readonly tensor: tf.Tensor;
  /** To be called when the block has another place. */
  moved(): void;
}

interface WasmBackend {
  wasm: {
    asm: { memory?: WebAssembly.Memory };
    _malloc(bytes: number): number;
    _free(address: number): void;
  };
  dataIdMap: { get(id: tf.DataId): { memoryOffset: number } };
  makeOutput(shape: number[], dtype: "float32"): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.Tensor): tf.TypedArray;
}

interface CpuBackend {
  data: { get(id: tf.DataId): { values: tf.TypedArray } };
}

/** A memory on the engine's backend, or why there is none. */
export function planMemory(engine: Engine): PlanMemory | string {
  try {
    if (engine.backendName === "wasm") return onHeap(engine, engine.backend as WasmBackend);
    if (engine.backendName === "cpu") return ofItsOwn(engine, engine.backend as CpuBackend);
  } catch (error) {
    return `WebAssembly with SIMD is not available: ${(error as Error).message}`;
  }
  return `the backend is ${engine.backendName}; steps are compiled on wasm and cpu`;
}

const heaps = new WeakMap<object, PlanMemory>();

/** TensorFlow.js's own heap. */
function onHeap(engine: Engine, backend: WasmBackend): PlanMemory | string {
  let known = heaps.get(backend);
  if (known !== undefined) return known;
  const { wasm, dataIdMap } = backend;
  const { memory } = wasm.asm;
  if (!(memory?.buffer instanceof ArrayBuffer)) return "the backend runs several threads";
  known = {
    ...onMemory(engine, memory),
    holdsTensors: true,
    allocate(bytes) {
      const address = wasm._malloc(bytes);
      if (address === 0) throw noMemory(bytes);
      return address;
    },
    free: (address) => wasm._free(address),
    addressOf: (tensor) => dataIdMap.get(tensor.dataId).memoryOffset,
    valuesOf: (tensor) => backend.typedArrayFromHeap(tensor),
    tensorOf(block, shape) {
      const info = backend.makeOutput(shape, "float32");
      const tensor = engine.keep(engine.makeTensorFromTensorInfo(info, backend));
      const moved = () => block.at = dataIdMap.get(tensor.dataId).memoryOffset;
      moved();
      return { tensor, moved };
    },
  };
  heaps.set(backend, known);
  return known;
}

const pageBytes = 65_536;

/** A memory for one plan; it goes when the plan does. */
function ofItsOwn(engine: Engine, backend: CpuBackend): PlanMemory {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { kernels, floats, assign } = onMemory(engine, memory);
  // Address 0 means none.
  let top = 16;
  return {
    kernels,
    floats,
    assign,
    holdsTensors: false,
    allocate(bytes) {
      const address = top;
      top += Math.ceil(bytes / 16) * 16;
      const missing = top - memory.buffer.byteLength;
      try {
        if (missing > 0) memory.grow(Math.ceil(missing / pageBytes));
      } catch {
        throw noMemory(bytes);
      }
      return address;
    },
    // A plan allocates all at once, and anew when it needs more.
    free: () => top = 16,
    addressOf: () => 0,
    valuesOf: ({ dataId }) => backend.data.get(dataId).values,
    tensorOf(block, shape) {
      block.use();
      const tensor = engine.keep(engine.makeTensor(new Float32Array(block.size), shape, "float32"));
      const moved = () => {
        const from = block.at >> 2;
        backend.data.get(tensor.dataId).values = floats().subarray(from, from + block.size);
      };
      return { tensor, moved };
    },
  };
}

function noMemory(bytes: number): NotPlanned {
  return new NotPlanned(`there is no memory for the step: ${Math.ceil(bytes / 2 ** 20)} MiB`);
}

function onMemory(
  engine: Engine,
  memory: WebAssembly.Memory,
): Pick<PlanMemory, "kernels" | "floats" | "assign"> {
  let view = new Float32Array(memory.buffer);
  const floats = () => {
    // Growth detaches the buffer.
    if (view.buffer !== memory.buffer) {
      view = new Float32Array(memory.buffer, 0, Math.floor(memory.buffer.byteLength / 4));
    }
    return view;
  };
  return {
    kernels: instantiateKernels(memory),
    floats,
    assign(variable, { at }) {
      const values = floats().slice(at >> 2, (at >> 2) + variable.size);
      const tensor = engine.makeTensor(values, variable.shape, "float32");
      variable.assign(tensor);
      tensor.dispose();
    },
  };
}
