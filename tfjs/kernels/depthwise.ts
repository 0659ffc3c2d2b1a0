import type * as tfjs from "@tensorflow/tfjs";
import { spread } from "./spread.ts";
import { type KernelCall, runKernel, type TrainingKernel, type Values } from "./wasm.ts";

type ConvInfo = tfjs.backend_util.Conv2DInfo;

/** The gradient of a depthwise convolution with respect to its filter. */
export const depthwiseFilterGradient: TrainingKernel = {
  name: "DepthwiseConv2dNativeBackpropFilter",
  run(tf, call) {
    const { inputs: { x, dy }, attrs, backend } = call;
    const info = convInfo(tf, call, x.shape, attrs.filterShape as number[]);
    const { inHeight, inWidth, inChannels, outHeight, outChannels, filterWidth } = info;
    const out = backend.makeOutput(info.filterShape, "float32");
    const sums = backend.typedArrayFromHeap(out).fill(0);
    const values = backend.typedArrayFromHeap(x);
    const gradients = backend.typedArrayFromHeap(dy);
    const columns = Array.from({ length: filterWidth }, (_, tap) => seen(info, tap));
    const addRow = rowAdder(sums, values, gradients, info);
    for (let image = 0; image < info.batchSize; image++) {
      for (let y = 0; y < outHeight; y++) {
        for (let h = 0; h < info.filterHeight; h++) {
          const row = y * info.strideHeight - info.padInfo.top + h * info.dilationHeight;
          if (row < 0 || row >= inHeight) continue;
          for (let w = 0; w < filterWidth; w++) {
            const { column, first, count } = columns[w];
            const position = ((image * outHeight + y) * info.outWidth + first) * outChannels;
            addRow(
              (h * filterWidth + w) * outChannels,
              ((image * inHeight + row) * inWidth + column) * inChannels,
              position,
              position + count * outChannels,
            );
          }
        }
      }
    }
    return out;
  },
};

/**
 * The gradient of a depthwise convolution with respect to its input: itself a depthwise convolution
 * with one filter per output channel, summed over the filters of an input channel.
 */
export const depthwiseInputGradient: TrainingKernel = {
  name: "DepthwiseConv2dNativeBackpropInput",
  run(tf, call) {
    const { inputs: { dy, filter }, attrs, backend } = call;
    const info = convInfo(tf, call, attrs.inputShape as number[], filter.shape);
    const { x, pad } = spread(dy, info, backend);
    const turned = runKernel(tf, "Reverse", { x: filter }, { dims: [0, 1] }, backend);
    const single = [info.filterHeight, info.filterWidth, info.outChannels, 1];
    const all = runKernel(tf, "DepthwiseConv2dNative", {
      x,
      filter: { ...turned, shape: single },
    }, {
      strides: [1, 1],
      dilations: [info.dilationHeight, info.dilationWidth],
      pad,
    }, backend);
    if (x !== dy) backend.disposeData(x.dataId);
    backend.disposeData(turned.dataId);
    const multiplier = info.outChannels / info.inChannels;
    if (multiplier === 1) return all;
    const shape = [...info.inShape, multiplier];
    const out = runKernel(
      tf,
      "Sum",
      { x: { ...all, shape } },
      { axis: [4], keepDims: false },
      backend,
    );
    backend.disposeData(all.dataId);
    return out;
  },
};

/**
 * The first output column at which a tap is inside the image, its column there, and the number of
 * columns.
 */
function seen(
  { inWidth, outWidth, strideWidth, dilationWidth, padInfo: { left } }: ConvInfo,
  tap: number,
): { first: number; column: number; count: number } {
  const shift = tap * dilationWidth - left;
  const first = Math.max(0, Math.ceil(-shift / strideWidth));
  const end = Math.min(outWidth, Math.ceil((inWidth - shift) / strideWidth));
  return { first, column: first * strideWidth + shift, count: Math.max(0, end - first) };
}

/**
 * Add up the products of one tap, whose channels begin at `at`, in one row: pixels of the input,
 * advancing by the stride, times pixels of the output up to its end.
 */
type AddRow = (at: number, pixel: number, place: number, end: number) => void;

/** Four channels are processed together, so that their sums stay in registers. */
function rowAdder(
  sums: Values,
  values: Values,
  gradients: Values,
  { inChannels, outChannels, strideWidth }: ConvInfo,
): AddRow {
  const multiplier = outChannels / inChannels;
  const step = strideWidth * inChannels;
  const channelOf = Int32Array.from({ length: outChannels }, (_, o) => o / multiplier);
  return (at, pixel, place, end) => {
    let o = 0;
    for (; o + 4 <= outChannels; o += 4) {
      const to1 = channelOf[o + 1] - channelOf[o];
      const to2 = channelOf[o + 2] - channelOf[o];
      const to3 = channelOf[o + 3] - channelOf[o];
      let sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
      for (let p = pixel + channelOf[o], q = place + o; q < end; p += step, q += outChannels) {
        sum0 += values[p] * gradients[q];
        sum1 += values[p + to1] * gradients[q + 1];
        sum2 += values[p + to2] * gradients[q + 2];
        sum3 += values[p + to3] * gradients[q + 3];
      }
      sums[at + o] += sum0;
      sums[at + o + 1] += sum1;
      sums[at + o + 2] += sum2;
      sums[at + o + 3] += sum3;
    }
    for (; o < outChannels; o++) {
      let sum = 0;
      for (let p = pixel + channelOf[o], q = place + o; q < end; p += step, q += outChannels) {
        sum += values[p] * gradients[q];
      }
      sums[at + o] += sum;
    }
  };
}

function convInfo(
  tf: typeof tfjs,
  { attrs: { strides, dilations, pad, dimRoundingMode } }: KernelCall,
  inputShape: number[],
  filterShape: number[],
): ConvInfo {
  return tf.backend_util.computeConv2DInfo(
    inputShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    strides as [number, number],
    dilations as [number, number],
    pad as "valid",
    dimRoundingMode as "floor",
    true,
  );
}
