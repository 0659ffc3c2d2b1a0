import type * as tfjs from "@tensorflow/tfjs";
import type { TrainingKernel, WasmBackend } from "./wasm.ts";

/**
 * A second tensor with the same values, which tfjs would copy. The tape clones everything that a
 * gradient needs, including weights, so that a training step would copy a lot.
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
