import type * as tfjs from "@tensorflow/tfjs";

/** The name under which tfjs has the backend. */
export const wasm = "wasm";

/** Values of a tensor, as they lie on the heap. */
export type Values = Float32Array | Int32Array | Uint8Array;

/** What a kernel uses of tfjs's WASM backend. */
export interface WasmBackend {
  /** Make a tensor on the heap, which may grow: heap views that were taken before are then dead. */
  makeOutput(
    shape: number[],
    dtype: tfjs.DataType,
    memoryOffset?: null,
    values?: Values,
  ): tfjs.TensorInfo;
  /** A view of the values on the heap, good until the next allocation. */
  typedArrayFromHeap(tensor: tfjs.TensorInfo): Values;
  /** Count one more tensor that has these values. */
  incRef(dataId: tfjs.DataId): void;
  /** Count one less; the last one frees them. */
  disposeData(dataId: tfjs.DataId): boolean;
  readSync(dataId: tfjs.DataId, start?: number, end?: number): Values;
}

/** One call of a kernel. */
export interface KernelCall {
  inputs: Record<string, tfjs.TensorInfo>;
  attrs: tfjs.NamedAttrMap;
  backend: WasmBackend;
}

/** A kernel that training needs of the WASM backend. */
export interface TrainingKernel {
  /** tfjs's name of it. */
  name: string;
  /** `theirs` is the kernel that tfjs has itself. */
  run(
    tf: typeof tfjs,
    call: KernelCall,
    theirs?: tfjs.KernelFunc,
  ): tfjs.TensorInfo | tfjs.TensorInfo[];
  /** Try the kernel that tfjs has: whether it will do. Without this, any that it has will. */
  suffices?(theirs: tfjs.KernelFunc, backend: WasmBackend): boolean;
}

/**
 * Run another kernel of the backend by itself: past the engine, so that no tape, tidy or count of
 * tensors sees it. The caller disposes the data of what comes out.
 */
export function runKernel(
  tf: typeof tfjs,
  name: string,
  inputs: Record<string, tfjs.TensorInfo>,
  attrs: object,
  backend: WasmBackend,
): tfjs.TensorInfo {
  const { kernelFunc } = tf.getKernel(name, wasm);
  return kernelFunc({ inputs, attrs: attrs as tfjs.NamedAttrMap, backend }) as tfjs.TensorInfo;
}

/** Run a kernel on small inputs and compare what comes out; leaves nothing on the heap. */
export function gives(
  expected: number[],
  theirs: tfjs.KernelFunc,
  inputs: Record<string, { shape: number[]; values: number[] }>,
  attrs: object,
  backend: WasmBackend,
): boolean {
  const tensors = Object.entries(inputs).map(([name, { shape, values }]) =>
    [name, backend.makeOutput(shape, "float32", null, Float32Array.from(values))] as const
  );
  const out = theirs({
    inputs: Object.fromEntries(tensors),
    attrs: attrs as tfjs.NamedAttrMap,
    backend,
  }) as tfjs.TensorInfo;
  const values = backend.typedArrayFromHeap(out);
  const right = expected.every((value, i) => values[i] === value);
  for (const { dataId } of [out, ...tensors.map(([, tensor]) => tensor)]) {
    backend.disposeData(dataId);
  }
  return right;
}
