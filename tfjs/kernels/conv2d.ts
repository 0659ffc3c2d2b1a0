import type * as tfjs from "@tensorflow/tfjs";
import { spread } from "./spread.ts";
import { runKernel, type TrainingKernel, type WasmBackend } from "./wasm.ts";

type Shape4D = [number, number, number, number];

/**
 * The gradient of a convolution with respect to its filter. It is itself a convolution of the input
 * with the output's gradient as filter, with batch and channels swapped and stride as dilation, for
 * which the backend is fast.
 */
export const conv2DFilterGradient: TrainingKernel = {
  name: "Conv2DBackpropFilter",
  run(tf, { inputs: { x, dy }, attrs, backend }) {
    const [kernelHeight, kernelWidth, inChannels, outChannels] = attrs.filterShape as Shape4D;
    const info = convInfo(tf, x.shape, attrs.filterShape as Shape4D, dy, attrs);
    const { strideHeight, strideWidth, outHeight, outWidth, padInfo: { top, left } } = info;
    const turn = (x: tfjs.TensorInfo, perm: number[]) =>
      runKernel(tf, "Transpose", { x }, { perm }, backend);
    const input = turn(x, [3, 1, 2, 0]);
    const filter = turn(dy, [1, 2, 0, 3]);
    // Input beyond the last window is cut off below.
    const bottom = kernelHeight - info.inHeight - top + (outHeight - 1) * strideHeight;
    const right = kernelWidth - info.inWidth - left + (outWidth - 1) * strideWidth;
    const pad = [[0, 0], [top, Math.max(0, bottom)], [left, Math.max(0, right)], [0, 0]];
    const dilations = [strideHeight, strideWidth];
    const whole = convolve(tf, input, filter, { pad, dilations }, backend);
    const size = [inChannels, kernelHeight, kernelWidth, outChannels];
    const cut = runKernel(tf, "Slice", { x: whole }, { begin: [0, 0, 0, 0], size }, backend);
    const out = turn(cut, [1, 2, 0, 3]);
    for (const { dataId } of [input, filter, whole, cut]) backend.disposeData(dataId);
    return out;
  },
};

/**
 * The gradient of a convolution with respect to its input, which is also a transposed convolution:
 * a convolution of the output's gradient with the rotated filter. tfjs's own kernel is correct, but
 * ten times slower than its convolution.
 */
export const conv2DInputGradient: TrainingKernel = {
  name: "Conv2DBackpropInput",
  run(tf, { inputs: { dy, filter }, attrs, backend }) {
    const info = convInfo(tf, attrs.inputShape as number[], filter.shape as Shape4D, dy, attrs);
    const [height, width, inChannels, outChannels] = filter.shape;
    const { x, pad } = spread(dy, info, backend);
    const turned = backend.makeOutput([height, width, outChannels, inChannels], "float32");
    const to = backend.typedArrayFromHeap(turned);
    const from = backend.typedArrayFromHeap(filter);
    const taps = height * width;
    for (let tap = 0, at = 0; tap < taps; tap++) {
      const start = (taps - 1 - tap) * inChannels * outChannels;
      for (let o = 0; o < outChannels; o++) {
        for (let i = 0; i < inChannels; i++) to[at++] = from[start + i * outChannels + o];
      }
    }
    const out = convolve(tf, x, turned, { pad, dilations: [1, 1] }, backend);
    if (x !== dy) backend.disposeData(x.dataId);
    backend.disposeData(turned.dataId);
    return out;
  },
  // Correct but slow, which only a clock could detect.
  suffices: () => false,
};

function convolve(
  tf: typeof tfjs,
  x: tfjs.TensorInfo,
  filter: tfjs.TensorInfo,
  { pad, dilations }: { pad: number[][] | "valid"; dilations: number[] },
  backend: WasmBackend,
): tfjs.TensorInfo {
  const attrs = { strides: [1, 1], dilations, pad, dataFormat: "NHWC" };
  return runKernel(tf, "Conv2D", { x, filter }, attrs, backend);
}

function convInfo(
  tf: typeof tfjs,
  inputShape: number[],
  filterShape: Shape4D,
  dy: tfjs.TensorInfo,
  { strides, pad }: tfjs.NamedAttrMap,
): tfjs.backend_util.Conv2DInfo {
  const info = tf.backend_util.computeConv2DInfo(
    inputShape as Shape4D,
    filterShape,
    strides as [number, number],
    1,
    pad as "valid",
  );
  // tfjs's gradients do not receive the rounding mode of the output's size.
  return { ...info, outHeight: dy.shape[1], outWidth: dy.shape[2] };
}
