import type * as tfjs from "@tensorflow/tfjs";
import { runKernel, type TrainingKernel } from "./wasm.ts";

/**
 * A product of matrices, of which gradients want one transposed. tfjs's own is right, but leaves
 * its fast way for it: transposing first and going the fast way takes a sixth of the time.
 */
export const matMul: TrainingKernel = {
  name: "BatchMatMul",
  run(tf, call, theirs) {
    const { inputs, attrs: { transposeA, transposeB }, backend } = call;
    const isBatch = [inputs.a, inputs.b].some(({ shape }) =>
      shape.slice(0, -2).some((length) => length !== 1)
    );
    if (!transposeA && !transposeB || isBatch) return theirs!(call);
    const turn = (x: tfjs.TensorInfo, wanted: unknown) => {
      const perm = x.shape.map((_, i) => i);
      if (wanted) perm.push(...perm.splice(-2).reverse());
      return runKernel(tf, "Transpose", { x }, { perm }, backend);
    };
    const a = turn(inputs.a, transposeA);
    const b = turn(inputs.b, transposeB);
    const attrs = { transposeA: false, transposeB: false };
    const out = theirs!({ inputs: { a, b }, attrs, backend });
    for (const { dataId } of [a, b]) backend.disposeData(dataId);
    return out;
  },
  // Right, but slow, and only a clock could tell.
  suffices: () => false,
};
