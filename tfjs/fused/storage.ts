import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "../engine.ts";
import { floatView } from "../float_view.ts";
import { type HostData, overwritable, own, peek } from "../host_values.ts";
import { assemble } from "./assemble.ts";
import { type DeviceBackend, onDevice } from "./device.ts";
import { type FormulaName, formulas } from "./formula.ts";
import { assign, type Cell, type Job, scalarsOf, type Storage } from "./job.ts";

/** The used part of the storage of a backend; `get` moves data here from another backend. */
interface DataStorage<Data> {
  get(dataId: tf.DataId): Data;
}

interface CpuBackend {
  data: DataStorage<HostData>;
}

interface HeapData {
  id: number;
  /** Address of the values, in bytes. */
  memoryOffset: number;
  refCount: number;
}

interface WasmBackend {
  wasm: {
    asm: { memory?: WebAssembly.Memory };
    /** Of the module with threads. */
    wasmMemory?: WebAssembly.Memory;
    tfjs: {
      registerTensor(id: number, size: number, memoryOffset: number): void;
      disposeData(id: number): void;
    };
  };
  dataIdMap: DataStorage<HeapData>;
  makeOutput(shape: number[], dtype: "float32"): tf.TensorInfo;
}

/** Computes a formula: number of elements, addresses, scalars. */
type Kernel = (...numbers: number[]) => void;

const known = new WeakMap<object, Storage | undefined>();

/** The storage of the engine's backend; undefined if no formula can run on it. */
export function storageOf(engine: Engine): Storage | undefined {
  const backend = engine.backend as object;
  let storage = known.get(backend);
  if (storage === undefined && !known.has(backend)) {
    known.set(backend, storage = makeStorage(engine));
  }
  return storage;
}

function makeStorage(engine: Engine): Storage | undefined {
  try {
    if (engine.backendName === "cpu") return onCpu(engine, engine.backend as CpuBackend);
    if (engine.backendName === "wasm") return onHeap(engine, engine.backend as WasmBackend);
    if (engine.backendName === "webgpu") return onDevice(engine, engine.backend as DeviceBackend);
  } catch {
    // No WebAssembly or SIMD, or a different TensorFlow.js.
  }
}

/**
 * Create a function that returns kernels on a memory, which are compiled when they are needed.
 *
 * @throws WebAssembly.CompileError without SIMD, or if a policy forbids WebAssembly
 */
function kernelsOn(memory: WebAssembly.Memory): (name: FormulaName) => Kernel {
  const isShared = !(memory.buffer instanceof ArrayBuffer);
  const compile = (name: FormulaName): Kernel => {
    const module = new WebAssembly.Module(assemble(formulas[name], isShared));
    return new WebAssembly.Instance(module, { env: { memory } }).exports.update as Kernel;
  };
  // The smallest one shows whether the others can be compiled.
  const kernels: Partial<Record<FormulaName, Kernel>> = { sgd: compile("sgd") };
  return (name) => kernels[name] ??= compile(name);
}

/** In place on the heap, whose values cannot be read without a copy, except for shared storage. */
function onHeap(engine: Engine, backend: WasmBackend): Storage {
  const { asm, wasmMemory = asm.memory, tfjs } = backend.wasm;
  const memory = wasmMemory as WebAssembly.Memory;
  const kernelOf = kernelsOn(memory);
  const floats = floatView(memory);
  const dataOf = (one: { dataId: tf.DataId }) => backend.dataIdMap.get(one.dataId);
  const args: number[] = [];
  const runOne = (kernel: Kernel, { cells, gradient }: Job) => {
    const { length } = cells;
    const { size } = gradient;
    const updated: HeapData[] = [];
    const copied: { cell: Cell; info: tf.TensorInfo }[] = [];
    args[0] = size;
    for (let i = 0; i < length; i++) {
      const data = dataOf(cells[i]);
      const from = args[1 + i] = data.memoryOffset;
      if (data.refCount === 1) {
        args[2 + length + i] = from;
        updated.push(data);
        continue;
      }
      const info = backend.makeOutput(cells[i].shape, "float32");
      args[2 + length + i] = dataOf(info).memoryOffset;
      copied.push({ cell: cells[i], info });
    }
    args[1 + length] = dataOf(gradient).memoryOffset;
    kernel.apply(undefined, args);
    // Convolutions and products keep a packed copy of a weight until its id is disposed.
    for (const { id, memoryOffset } of updated) {
      tfjs.disposeData(id);
      tfjs.registerTensor(id, size, memoryOffset);
    }
    for (const { cell, info } of copied) {
      assign(cell, engine.makeTensorFromTensorInfo(info, backend));
    }
  };
  const { read, write } = scalarsOf(engine);
  return {
    run(name, jobs, scalars) {
      const { arrays } = formulas[name];
      args.length = 2 * arrays.length;
      args.push(...scalars);
      const kernel = kernelOf(name);
      for (let i = 0; i < jobs.length; i++) runOne(kernel, jobs[i]);
    },
    read(scalar) {
      if (scalar?.dtype !== "float32" || scalar.isDisposed) return read(scalar);
      // Unsigned, because a heap with threads may be larger than 2 GiB.
      return floats()[dataOf(scalar).memoryOffset >>> 2];
    },
    write(cell, value) {
      const { refCount, memoryOffset } = dataOf(cell);
      if (refCount === 1) floats()[memoryOffset >>> 2] = value;
      else write(cell, value);
    },
  };
}

/** Number of elements of each array that are processed at once. */
const chunk = 16_384;

/** Through a separate memory; into new arrays for values that were read. */
function onCpu(engine: Engine, backend: CpuBackend): Storage {
  const arrays = Math.max(...Object.values(formulas).map(({ arrays }) => arrays.length));
  const memory = new WebAssembly.Memory({ initial: Math.ceil(arrays * chunk * 4 / 65_536) });
  const kernelOf = kernelsOn(memory);
  const addresses = Array.from({ length: arrays }, (_, i) => i * chunk * 4);
  const views = addresses.map((at) => new Float32Array(memory.buffer, at, chunk));
  const dataOf = (one: { dataId: tf.DataId }) => backend.data.get(one.dataId);
  const targetOf = (cell: Cell): Float32Array => {
    const data = dataOf(cell);
    return (data.refCount === 1 ? overwritable(data) : undefined) ?? new Float32Array(cell.size);
  };
  const give = (cell: Cell, values: Float32Array): void => {
    const data = dataOf(cell);
    if (data.refCount === 1) own(data, values);
    else assign(cell, engine.makeTensor(values, cell.shape, "float32"));
  };
  const runOne = (kernel: Kernel, { cells, gradient }: Job, scalars: readonly number[]) => {
    const { size } = gradient;
    const old = [...cells, gradient].map((one) => peek(dataOf(one)));
    const targets = cells.map(targetOf);
    const from = addresses.slice(0, old.length);
    const to = addresses.slice(0, targets.length);
    for (let start = 0; start < size; start += chunk) {
      const end = Math.min(size, start + chunk);
      for (let i = 0; i < old.length; i++) {
        views[i].set(size > chunk ? old[i].subarray(start, end) : old[i]);
      }
      kernel(end - start, ...from, ...to, ...scalars);
      for (let i = 0; i < targets.length; i++) {
        targets[i].set(views[i].subarray(0, end - start), start);
      }
    }
    cells.forEach((cell, i) => give(cell, targets[i]));
  };
  const { read } = scalarsOf(engine);
  return {
    run(name, jobs, scalars) {
      const kernel = kernelOf(name);
      for (const job of jobs) runOne(kernel, job, scalars);
    },
    read: (scalar) =>
      scalar === undefined || scalar.isDisposed ? read(scalar) : peek(dataOf(scalar))[0],
    write(cell, value) {
      const target = targetOf(cell);
      target[0] = value;
      give(cell, target);
    },
  };
}
