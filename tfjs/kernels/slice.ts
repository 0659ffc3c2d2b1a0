import type * as tfjs from "@tensorflow/tfjs";
import type { TrainingKernel, WasmBackend } from "./wasm.ts";

/** A part of a tensor, copied within the heap: tfjs copies the whole tensor out first. */
export const slice: TrainingKernel = {
  name: "Slice",
  run(tf, { inputs: { x }, attrs, backend }) {
    const [begin, size] = tf.slice_util.parseSliceParams(
      x as tfjs.Tensor,
      attrs.begin as number[],
      attrs.size as number[],
    );
    tf.slice_util.assertParamsValid(x as tfjs.Tensor, begin, size);
    return part(x, begin, size, backend);
  },
  suffices: (theirs, backend) => copiesLittle(theirs, "x", { begin: [0], size: [1] }, backend),
};

/** A tensor split along an axis. */
export const split: TrainingKernel = {
  name: "SplitV",
  run(tf, { inputs: { x }, attrs, backend }) {
    const axis = tf.util.parseAxisParam(attrs.axis as number, x.shape)[0];
    const lengths = tf.backend_util.prepareSplitSize(
      x,
      attrs.numOrSizeSplits as number[] | number,
      axis,
    );
    const begin = x.shape.map(() => 0);
    return lengths.map((length) => {
      const cut = part(x, begin, x.shape.with(axis, length), backend);
      begin[axis] += length;
      return cut;
    });
  },
  suffices: (theirs, backend) =>
    copiesLittle(theirs, "x", { numOrSizeSplits: [1, 7], axis: 0 }, backend),
};

/** A tensor unstacked along an axis, as in recurrent layers along time. */
export const unstack: TrainingKernel = {
  name: "Unpack",
  run(tf, { inputs: { value }, attrs, backend }) {
    const axis = tf.util.parseAxisParam(attrs.axis as number, value.shape)[0];
    const shape = value.shape.toSpliced(axis, 1);
    return Array.from({ length: value.shape[axis] }, (_, i) => {
      const begin = value.shape.map((_, dimension) => dimension === axis ? i : 0);
      return { ...part(value, begin, value.shape.with(axis, 1), backend), shape };
    });
  },
  suffices: (theirs, backend) => copiesLittle(theirs, "value", { axis: 0 }, backend),
};

function part(
  x: tfjs.TensorInfo,
  begin: number[],
  size: number[],
  backend: WasmBackend,
): tfjs.TensorInfo {
  const out = backend.makeOutput(size, x.dtype);
  const to = backend.typedArrayFromHeap(out);
  if (to.length === 0) return out;
  const from = backend.typedArrayFromHeap(x);
  // Contiguous runs of values, in the innermost sliced dimension and all after it.
  let inner = size.length - 1;
  while (inner > 0 && size[inner] === x.shape[inner]) inner--;
  const strides = x.shape.map((_, i) => x.shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const run = size.length === 0 ? 1 : size[inner] * strides[inner];
  let start = begin.reduce((sum, first, i) => sum + first * strides[i], 0);
  const at = size.slice(0, Math.max(inner, 0)).map(() => 0);
  for (let written = 0; written < to.length; written += run) {
    // A copy call costs more than a few values.
    if (run < 16) {
      for (let i = 0; i < run; i++) to[written + i] = from[start + i];
    } else {
      to.set(from.subarray(start, start + run), written);
    }
    for (let i = at.length - 1; i >= 0; i--) {
      start += strides[i];
      if (++at[i] < size[i]) break;
      start -= size[i] * strides[i];
      at[i] = 0;
    }
  }
  return out;
}

/** Whether a kernel slices a tensor of eight values without reading all of them. */
function copiesLittle(
  theirs: tfjs.KernelFunc,
  input: string,
  attrs: tfjs.NamedAttrMap,
  backend: WasmBackend,
): boolean {
  let readsAll = false;
  const watched = new Proxy(backend, {
    get(target, key) {
      if (key !== "readSync") return Reflect.get(target, key);
      return (dataId: tfjs.DataId, start?: number, end?: number) => {
        readsAll ||= (end ?? 8) - (start ?? 0) >= 8;
        return target.readSync(dataId, start, end);
      };
    },
  });
  const tensor = backend.makeOutput([8], "float32", null, new Float32Array(8));
  const outs = [theirs({ inputs: { [input]: tensor }, attrs, backend: watched })].flat();
  for (const { dataId } of [tensor, ...outs]) backend.disposeData(dataId);
  return !readsAll;
}
