import type * as tfjs from "@tensorflow/tfjs";
import type { TrainingKernel, WasmBackend } from "./wasm.ts";

/**
 * A tensor once more, of the same values: tfjs copies them. The tape clones whatever a gradient
 * needs, weights too, so that a training step copies much.
 */
export const identity: TrainingKernel = {
  name: "Identity",
  run(_tf, { inputs: { x: { dataId, shape, dtype } }, backend }) {
    backend.incRef(dataId);
    return { dataId, shape, dtype };
  },
  suffices: sharesValues,
};

function sharesValues(theirs: tfjs.KernelFunc, backend: WasmBackend): boolean {
  const x = backend.makeOutput([1], "float32", null, new Float32Array(1));
  const out = theirs({ inputs: { x }, attrs: {}, backend }) as tfjs.TensorInfo;
  for (const { dataId } of [out, x]) backend.disposeData(dataId);
  return out.dataId === x.dataId;
}
