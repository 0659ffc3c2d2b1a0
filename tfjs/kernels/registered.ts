import type * as tfjs from "@tensorflow/tfjs";

/** The kernels that `registerTrainingKernels` has installed. */
export const registered = new WeakSet<tfjs.KernelFunc>();

/** Names of the kernels that `registerTrainingKernels` has installed on wasm. Sorted. */
export function addedKernels(tf: typeof tfjs): string[] {
  return tf.getKernelsForBackend("wasm")
    .filter(({ kernelFunc }) => registered.has(kernelFunc))
    .map(({ kernelName }) => kernelName)
    .sort();
}
