import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "../engine.ts";
import { floatView } from "../float_view.ts";
import { type HostData, peek } from "../host_values.ts";
import type { Block } from "./graph.ts";
import { instantiateKernels, type Kernels } from "./kernels.ts";
import { PlanError } from "./plan_error.ts";
import { noSharing, type WorkSharing, workSharingOf } from "./work_sharing.ts";

/** The memory of a plan. */
export interface PlanMemory {
  readonly kernels: Kernels;
  /** Computes large products with all threads of the backend. */
  readonly share: WorkSharing;
  /** Whether the backend keeps its tensors in this memory. */
  readonly holdsTensors: boolean;
  /** View of the whole memory as float32, valid until the next allocation. */
  floats(): Float32Array;
  /**
   * Allocate memory.
   *
   * @returns its address, a multiple of 16
   * @throws PlanError when there is not enough memory
   */
  allocate(bytes: number): number;
  /** Free memory of {@linkcode PlanMemory.allocate}. */
  free(address: number): void;
  /** Leave the memory to later plans, after everything in it was freed. */
  release(): void;
  /** Address of a tensor's values. Requires {@linkcode holdsTensors}. */
  addressOf(tensor: tf.Tensor): number;
  /** The stored values of a tensor: a live, read-only view. */
  valuesOf(tensor: tf.Tensor): tf.TypedArray;
  /** Assign the values of a block to a variable. Tensors that share its old values keep them. */
  assign(variable: tf.Variable, block: Block): void;
  /** Create a tensor that shares the values of a block. */
  tensorOf(block: Block, shape: number[]): BlockTensor;
}

/** A tensor that shares the values of a block. */
export interface BlockTensor {
  readonly tensor: tf.Tensor;
  /** Bind the two again after the block or the tensor has moved. */
  rebind(): void;
}

interface WasmBackend {
  wasm: {
    asm: { memory?: WebAssembly.Memory };
    /** Of the module with threads. */
    wasmMemory?: WebAssembly.Memory;
    _malloc(bytes: number): number;
    _free(address: number): void;
  };
  dataIdMap: { get(id: tf.DataId): { memoryOffset: number } };
  makeOutput(shape: number[], dtype: "float32"): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.Tensor): tf.TypedArray;
}

interface CpuBackend {
  data: { get(id: tf.DataId): HostData<tf.TypedArray> };
}

/** A memory for plans on the engine's backend, or the reason why there is none. */
export function planMemory(engine: Engine): PlanMemory | string {
  try {
    if (engine.backendName === "wasm") return heapMemory(engine, engine.backend as WasmBackend);
    if (engine.backendName === "cpu") return separateMemory(engine, engine.backend as CpuBackend);
  } catch (error) {
    return `WebAssembly with SIMD is not available: ${(error as Error).message}`;
  }
  return `the backend is ${engine.backendName}; steps are compiled on wasm and cpu`;
}

const heaps = new WeakMap<object, PlanMemory>();

/** The heap of TensorFlow.js's wasm backend. */
function heapMemory(engine: Engine, backend: WasmBackend): PlanMemory {
  let known = heaps.get(backend);
  if (known !== undefined) return known;
  const { wasm, dataIdMap } = backend;
  const memory = wasm.wasmMemory ?? wasm.asm.memory;
  const parts = commonParts(engine, memory as WebAssembly.Memory);
  known = {
    ...parts,
    share: workSharingOf(backend)(parts.kernels),
    holdsTensors: true,
    allocate(bytes) {
      const address = wasm._malloc(bytes);
      // Beyond 2 GiB, which only a heap with threads reaches, it is negative.
      if (address > 0) return address;
      wasm._free(address);
      throw noMemory(bytes);
    },
    free: (address) => wasm._free(address),
    release: () => {},
    addressOf: (tensor) => dataIdMap.get(tensor.dataId).memoryOffset,
    valuesOf: (tensor) => backend.typedArrayFromHeap(tensor),
    tensorOf(block, shape) {
      const info = backend.makeOutput(shape, "float32");
      const tensor = engine.keep(engine.makeTensorFromTensorInfo(info, backend));
      const moved = () => block.address = dataIdMap.get(tensor.dataId).memoryOffset;
      moved();
      return { tensor, rebind: moved };
    },
  };
  heaps.set(backend, known);
  return known;
}

const pageBytes = 65_536;

/** Memories without a plan, by backend. */
const spares = new WeakMap<object, PlanMemory[]>();
/** Number of spare memories: a fit with validation has two plans. */
const maxSpares = 2;
/** Largest size of a spare memory, in bytes. */
const maxSpareBytes = 2 ** 25;

/**
 * A separate memory for one plan on the cpu backend. Small ones are reused, because creating a memory
 * takes longer than a short run.
 */
function separateMemory(engine: Engine, backend: CpuBackend): PlanMemory {
  return spares.get(backend)?.pop() ?? newMemory(engine, backend);
}

function newMemory(engine: Engine, backend: CpuBackend): PlanMemory {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const parts = commonParts(engine, memory);
  // Address 0 stands for an absent array.
  let top = 16;
  const one: PlanMemory = {
    ...parts,
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
    // A plan has one allocation, which it frees before it allocates a larger one.
    free: () => top = 16,
    addressOf: () => 0,
    valuesOf: ({ dataId }) => peek(backend.data.get(dataId)),
    tensorOf(block, shape) {
      block.reserve();
      const tensor = engine.keep(engine.makeTensor(new Float32Array(block.size), shape, "float32"));
      const moved = () => {
        const from = block.address >> 2;
        backend.data.get(tensor.dataId).values = parts.floats().subarray(from, from + block.size);
      };
      return { tensor, rebind: moved };
    },
    release() {
      const free = spares.get(backend) ?? [];
      spares.set(backend, free);
      const { byteLength } = memory.buffer;
      if (byteLength > maxSpareBytes || free.length === maxSpares || free.includes(one)) return;
      free.push(one);
    },
  };
  return one;
}

function noMemory(bytes: number): PlanError {
  return new PlanError(
    `there is not enough memory for the step: ${Math.ceil(bytes / 2 ** 20)} MiB`,
  );
}

function commonParts(
  engine: Engine,
  memory: WebAssembly.Memory,
): Pick<PlanMemory, "kernels" | "share" | "floats" | "assign"> {
  const kernels = instantiateKernels(memory);
  const floats = floatView(memory);
  return {
    kernels,
    share: noSharing(kernels),
    floats,
    assign(variable, { address }) {
      const values = floats().slice(address >> 2, (address >> 2) + variable.size);
      const tensor = engine.makeTensor(values, variable.shape, "float32");
      variable.assign(tensor);
      tensor.dispose();
    },
  };
}
