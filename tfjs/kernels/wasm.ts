import type * as tfjs from "@tensorflow/tfjs";

/** Name of the backend in tfjs. */
export const wasm = "wasm";

/** Values of a tensor on the heap. */
export type Values = Float32Array | Int32Array | Uint8Array;

/** The part of tfjs's WASM backend that kernels use. */
export interface WasmBackend {
  /** Allocate a tensor on the heap, which may grow and invalidate earlier views. */
  makeOutput(
    shape: number[],
    dtype: tfjs.DataType,
    memoryOffset?: null,
    values?: Values,
  ): tfjs.TensorInfo;
  /** A view of the values on the heap, valid until the next allocation. */
  typedArrayFromHeap(tensor: tfjs.TensorInfo): Values;
  /** Increment the number of tensors with these values. */
  incRef(dataId: tfjs.DataId): void;
  /** Decrement it; the last one frees them. */
  disposeData(dataId: tfjs.DataId): boolean;
  readSync(dataId: tfjs.DataId, start?: number, end?: number): Values;
}

/** One call of a kernel. */
export interface KernelCall {
  inputs: Record<string, tfjs.TensorInfo>;
  attrs: tfjs.NamedAttrMap;
  backend: WasmBackend;
}

/** A kernel that training needs on the WASM backend. */
export interface TrainingKernel {
  /** Its name in tfjs. */
  name: string;
  /** `theirs` is tfjs's own kernel. */
  run(
    tf: typeof tfjs,
    call: KernelCall,
    theirs?: tfjs.KernelFunc,
  ): tfjs.TensorInfo | tfjs.TensorInfo[];
  /** Tests whether tfjs's own kernel is good enough. Default: it always is. */
  suffices?(theirs: tfjs.KernelFunc, backend: WasmBackend): boolean;
}

/**
 * Run another kernel of the backend directly, bypassing the engine, its tape, tidy and tensor
 * count. The caller disposes the data of the outputs.
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

/** Run a kernel on small inputs and compare the outputs; leaves nothing on the heap. */
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
