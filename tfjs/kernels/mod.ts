import type * as tfjs from "@tensorflow/tfjs";
import { checkTensorFlow } from "../check_tensorflow.ts";
import { correctGradients } from "../correct_gradients.ts";
import { withChannelsFirst } from "./channels_first.ts";
import { conv2DFilterGradient, conv2DInputGradient } from "./conv2d.ts";
import { conv3DFilterGradient, conv3DInputGradient, transposedConv3DGradient } from "./conv3d.ts";
import { depthwiseFilterGradient, depthwiseInputGradient } from "./depthwise.ts";
import { dilatedGradients } from "./dilated.ts";
import { unfuseDilatedLayers } from "./dilated_layers.ts";
import { einsum, einsumGradient } from "./einsum.ts";
import { identity } from "./identity.ts";
import { matMul } from "./mat_mul.ts";
import { maxPool3D, maxPool3DGradient, maxPoolGradient } from "./max_pool.ts";
import { prelu } from "./prelu.ts";
import { registered } from "./registered.ts";
import { segmentSum } from "./segment_sum.ts";
import { skippingConvolutions } from "./skipping.ts";
import { slice, split, unstack } from "./slice.ts";
import { type TrainingKernel, wasm, type WasmBackend } from "./wasm.ts";

export { addedKernels } from "./registered.ts";

const kernels: TrainingKernel[] = [
  withChannelsFirst(conv2DFilterGradient, ["x", "dy"], false),
  withChannelsFirst(conv2DInputGradient, ["dy"], true),
  conv3DFilterGradient,
  conv3DInputGradient,
  depthwiseFilterGradient,
  depthwiseInputGradient,
  einsum,
  identity,
  matMul,
  maxPool3D,
  maxPool3DGradient,
  maxPoolGradient,
  prelu,
  segmentSum,
  ...skippingConvolutions.map((kernel) =>
    kernel.name === "Conv2D" ? withChannelsFirst(kernel, ["x"], true) : kernel
  ),
  slice,
  split,
  unstack,
];

const registeredGradients = new WeakSet<tfjs.GradConfig["gradFunc"]>();

/**
 * Register kernels that training needs and that TensorFlow.js's WASM backend lacks, computes
 * incorrectly or runs slowly, so that convolutions, embeddings and attention train on it:
 *
 * - missing: `Conv2DBackpropFilter`, `DepthwiseConv2dNativeBackpropFilter`,
 *   `DepthwiseConv2dNativeBackpropInput`, `Einsum` and `UnsortedSegmentSum`;
 * - wrong if all values of a window are negative: `MaxPool3D`, `MaxPool3DGrad`, `MaxPoolGrad`;
 * - wrong if strides skip pixels with "same" padding, and writing past the end of the output for
 *   numeric padding of a non-square filter: `Conv2D`, `DepthwiseConv2dNative` and their fused
 *   forms; `Conv2D` also gains channels first;
 * - wrong for most shapes: `Conv3DBackpropFilterV2`, `Conv3DBackpropInputV2`;
 * - wrong if slopes are shared along the last axis: `Prelu`;
 * - slow: `Conv2DBackpropInput`, which is also a transposed convolution; `BatchMatMul` with a
 *   transposed matrix, as in the gradient of each dense layer; `Identity`, with which the tape
 *   keeps tensors for gradients, and which copies them; `Slice`, `SplitV` and `Unpack`, which copy
 *   the whole tensor for each part.
 *
 * It also registers gradients that tfjs lacks on all backends: of `Einsum`, of dilated convolutions
 * and their layers, of transposed volume convolutions, and of comparisons and logic, which are
 * zero.
 *
 * Existing kernels of the backend are tested on first use and kept if they are correct. May be
 * called before or after the backend starts, and again. `useBackend` calls it when it starts wasm.
 *
 * @param tf the TensorFlow.js that the models are made with
 * @throws TypeError if `tf` is not TensorFlow.js
 * @throws Error when `@tensorflow/tfjs-backend-wasm` has not been imported
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import "@tensorflow/tfjs-backend-wasm";
 * import { registerTrainingKernels } from "keepfit/backend/kernels";
 * import assert from "node:assert/strict";
 *
 * registerTrainingKernels(tf);
 * await tf.setBackend("wasm");
 * const x = tf.ones<tf.Rank.R4>([1, 3, 3, 1]);
 * const sum = (filter: tf.Tensor4D) => tf.conv2d(x, filter, 1, "valid").sum();
 * const gradient = tf.grad((filter) => sum(filter as tf.Tensor4D))(tf.ones([2, 2, 1, 1]));
 * assert.deepEqual([...await gradient.data()], [4, 4, 4, 4]);
 * ```
 */
export function registerTrainingKernels(tf: typeof tfjs): void {
  checkTensorFlow(tf, "register training kernels");
  if (!tf.getKernel("Transpose", wasm)) {
    throw new Error(
      "Cannot register training kernels, because TensorFlow.js has no WASM backend: " +
        "@tensorflow/tfjs-backend-wasm must be imported first",
    );
  }
  for (const kernel of kernels) register(tf, kernel);
  registerGradients(tf);
  unfuseDilatedLayers(tf);
}

/** Gradients are shared by all backends. Only those of dilated convolutions replace tfjs's own. */
function registerGradients(tf: typeof tfjs): void {
  correctGradients();
  for (const gradient of [einsumGradient(tf), transposedConv3DGradient(tf)]) {
    if (!tf.getGradient(gradient.kernelName)) tf.registerGradient(gradient);
  }
  for (const [name, gradient] of Object.entries(dilatedGradients)) {
    const theirs = tf.getGradient(name) as tfjs.GradConfig | undefined;
    if (!theirs || registeredGradients.has(theirs.gradFunc)) continue;
    const gradFunc = gradient(tf, theirs.gradFunc);
    registeredGradients.add(gradFunc);
    // tfjs warns if one is registered over another.
    tf.unregisterGradient(name);
    tf.registerGradient({ ...theirs, gradFunc });
  }
}

function register(tf: typeof tfjs, kernel: TrainingKernel): void {
  const theirs = tf.getKernel(kernel.name, wasm) as tfjs.KernelConfig | undefined;
  if (theirs && (registered.has(theirs.kernelFunc) || !kernel.suffices)) return;
  const ours: tfjs.KernelFunc = ({ inputs, attrs, backend }) =>
    kernel.run(
      tf,
      {
        inputs: inputs as Record<string, tfjs.TensorInfo>,
        attrs: attrs ?? {},
        backend: backend as WasmBackend,
      },
      theirs?.kernelFunc,
    );
  const kernelFunc: tfjs.KernelFunc = theirs ? choose(kernel, theirs.kernelFunc, ours) : ours;
  registered.add(kernelFunc);
  // tfjs warns if one is registered over another.
  if (theirs) tf.unregisterKernel(kernel.name, wasm);
  tf.registerKernel({ ...theirs, kernelName: kernel.name, backendName: wasm, kernelFunc });
}

/** The backend runs only after its start, so the choice is made at the first call. */
function choose(
  kernel: TrainingKernel,
  theirs: tfjs.KernelFunc,
  ours: tfjs.KernelFunc,
): tfjs.KernelFunc {
  let chosen: tfjs.KernelFunc | undefined;
  return (call) => {
    // Strings are not on the heap; only tfjs knows where.
    if (Object.values(call.inputs).some((input) => input?.dtype === "string")) return theirs(call);
    chosen ??= kernel.suffices?.(theirs, call.backend as WasmBackend) ? theirs : ours;
    return chosen(call);
  };
}
