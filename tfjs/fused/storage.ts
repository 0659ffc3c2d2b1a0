import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "../engine.ts";
import { assemble } from "./assemble.ts";
import { type DeviceBackend, onDevice } from "./device.ts";
import { type FormulaName, formulas } from "./formula.ts";
import { assign, type Cell, type Job, type RunFormula } from "./job.ts";

/** The used part of the storage of a backend; `get` moves data here from another backend. */
interface DataStorage<Data> {
  get(dataId: tf.DataId): Data;
}

interface CpuBackend {
  data: DataStorage<{ values: Float32Array; refCount: number }>;
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
  dataIdMap: DataStorage<{ id: number; memoryOffset: number; refCount: number }>;
  makeOutput(shape: number[], dtype: "float32"): tf.TensorInfo;
}

type Kernels = Record<FormulaName, (...numbers: number[]) => void>;

const known = new WeakMap<object, RunFormula | undefined>();

/** Runs formulas on the engine's backend; undefined if it cannot. */
export function runnerOf(engine: Engine): RunFormula | undefined {
  const backend = engine.backend as object;
  if (!known.has(backend)) known.set(backend, makeRunner(engine));
  return known.get(backend);
}

function makeRunner(engine: Engine): RunFormula | undefined {
  try {
    if (engine.backendName === "cpu") return onCpu(engine, engine.backend as CpuBackend);
    if (engine.backendName === "wasm") return onHeap(engine, engine.backend as WasmBackend);
    if (engine.backendName === "webgpu") return onDevice(engine, engine.backend as DeviceBackend);
  } catch {
    // No WebAssembly or SIMD, or a different TensorFlow.js.
  }
}

function instantiate(memory: WebAssembly.Memory): Kernels {
  const isShared = !(memory.buffer instanceof ArrayBuffer);
  const module = new WebAssembly.Module(assemble(formulas, isShared));
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
}

/** In place on the heap, whose values cannot be read without a copy, except for shared storage. */
function onHeap(engine: Engine, backend: WasmBackend): RunFormula {
  const { asm, wasmMemory = asm.memory } = backend.wasm;
  const kernels = instantiate(wasmMemory as WebAssembly.Memory);
  const dataOf = (one: { dataId: tf.DataId }) => backend.dataIdMap.get(one.dataId);
  const runOne = (name: FormulaName, { cells, gradient }: Job, scalars: readonly number[]) => {
    const from = [...cells, gradient].map((one) => dataOf(one).memoryOffset);
    const copies: { cell: Cell; info: tf.TensorInfo }[] = [];
    const to = cells.map((cell, i) => {
      if (dataOf(cell).refCount === 1) return from[i];
      const info = backend.makeOutput(cell.shape, "float32");
      copies.push({ cell, info });
      return dataOf(info).memoryOffset;
    });
    kernels[name](gradient.size, ...from, ...to, ...scalars);
    // Convolutions and products keep a packed copy of a weight until its id is disposed.
    const { tfjs } = backend.wasm;
    for (let i = 0; i < cells.length; i++) {
      if (to[i] !== from[i]) continue;
      const { id } = dataOf(cells[i]);
      tfjs.disposeData(id);
      tfjs.registerTensor(id, gradient.size, to[i]);
    }
    for (const { cell, info } of copies) {
      assign(cell, engine.makeTensorFromTensorInfo(info, backend));
    }
  };
  return (name, jobs, scalars) => {
    for (const job of jobs) runOne(name, job, scalars);
  };
}

/** Number of elements of each array that are processed at once. */
const chunk = 16_384;

/** Through a separate memory into new arrays: reading a tensor returns the array itself. */
function onCpu(engine: Engine, backend: CpuBackend): RunFormula {
  const arrays = Math.max(...Object.values(formulas).map(({ arrays }) => arrays.length));
  const memory = new WebAssembly.Memory({ initial: Math.ceil(arrays * chunk * 4 / 65_536) });
  const kernels = instantiate(memory);
  const addresses = Array.from({ length: arrays }, (_, i) => i * chunk * 4);
  const views = addresses.map((at) => new Float32Array(memory.buffer, at, chunk));
  const valuesOf = (one: { dataId: tf.DataId }) => backend.data.get(one.dataId).values;
  const runOne = (name: FormulaName, { cells, gradient }: Job, scalars: readonly number[]) => {
    const { size } = gradient;
    const old = [...cells, gradient].map(valuesOf);
    const fresh = cells.map(() => new Float32Array(size));
    const from = addresses.slice(0, old.length);
    const to = addresses.slice(0, fresh.length);
    for (let start = 0; start < size; start += chunk) {
      const end = Math.min(size, start + chunk);
      for (let i = 0; i < old.length; i++) {
        views[i].set(size > chunk ? old[i].subarray(start, end) : old[i]);
      }
      kernels[name](end - start, ...from, ...to, ...scalars);
      for (let i = 0; i < fresh.length; i++) {
        fresh[i].set(views[i].subarray(0, end - start), start);
      }
    }
    cells.forEach((cell, i) => {
      const data = backend.data.get(cell.dataId);
      if (data.refCount === 1) data.values = fresh[i];
      else assign(cell, engine.makeTensor(fresh[i], cell.shape, "float32"));
    });
  };
  return (name, jobs, scalars) => {
    for (const job of jobs) runOne(name, job, scalars);
  };
}
