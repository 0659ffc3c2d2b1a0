import type * as tfjs from "@tensorflow/tfjs";
import { spread } from "./spread.ts";
import { type KernelCall, runKernel, type TrainingKernel } from "./wasm.ts";

type ConvInfo = tfjs.backend_util.Conv2DInfo;

/** The gradient of a depthwise convolution by its filter. */
export const depthwiseFilterGradient: TrainingKernel = {
  name: "DepthwiseConv2dNativeBackpropFilter",
  run(tf, call) {
    const { inputs: { x, dy }, attrs, backend } = call;
    const info = convInfo(tf, call, x.shape, attrs.filterShape as number[]);
    const out = backend.makeOutput(info.filterShape, "float32");
    const sums = backend.typedArrayFromHeap(out).fill(0);
    const values = backend.typedArrayFromHeap(x);
    const gradients = backend.typedArrayFromHeap(dy);
    const { inChannels, outChannels } = info;
    const multiplier = outChannels / inChannels;
    eachTap(info, (pixel, place, tap) => {
      if (multiplier === 1) {
        for (let i = 0; i < inChannels; i++) {
          sums[tap + i] += values[pixel + i] * gradients[place + i];
        }
        return;
      }
      for (let i = 0, o = 0; i < inChannels; i++) {
        const value = values[pixel + i];
        for (let m = 0; m < multiplier; m++, o++) sums[tap + o] += value * gradients[place + o];
      }
    });
    return out;
  },
};

/**
 * The gradient of a depthwise convolution by its input: with one filter a channel, a depthwise
 * convolution itself, which the backend is fast at.
 */
export const depthwiseInputGradient: TrainingKernel = {
  name: "DepthwiseConv2dNativeBackpropInput",
  run(tf, call) {
    const { inputs: { dy, filter }, attrs, backend } = call;
    const info = convInfo(tf, call, attrs.inputShape as number[], filter.shape);
    const { inChannels, outChannels } = info;
    if (inChannels === outChannels) {
      const x = spread(dy, info, backend);
      const turned = runKernel(tf, "Reverse", { x: filter }, { dims: [0, 1] }, backend);
      const out = runKernel(tf, "DepthwiseConv2dNative", { x, filter: turned }, {
        strides: [1, 1],
        dilations: [info.dilationHeight, info.dilationWidth],
        pad: "valid",
      }, backend);
      for (const { dataId } of [x, turned]) backend.disposeData(dataId);
      return out;
    }
    const out = backend.makeOutput(info.inShape, "float32");
    const sums = backend.typedArrayFromHeap(out).fill(0);
    const weights = backend.typedArrayFromHeap(filter);
    const gradients = backend.typedArrayFromHeap(dy);
    const multiplier = outChannels / inChannels;
    eachTap(info, (pixel, place, tap) => {
      for (let i = 0, o = 0; i < inChannels; i++) {
        let sum = 0;
        for (let m = 0; m < multiplier; m++, o++) sum += weights[tap + o] * gradients[place + o];
        sums[pixel + i] += sum;
      }
    });
    return out;
  },
};

/**
 * Call back for each place of the output and tap of the filter that meet inside the image: where
 * the channels of the input, of the output and of the filter begin.
 */
function eachTap(
  info: ConvInfo,
  callback: (pixel: number, place: number, tap: number) => void,
): void {
  const { inHeight, inWidth, inChannels, outChannels, filterHeight, filterWidth, padInfo } = info;
  let place = 0;
  for (let image = 0; image < info.batchSize; image++) {
    for (let y = 0; y < info.outHeight; y++) {
      for (let x = 0; x < info.outWidth; x++, place += outChannels) {
        for (let h = 0; h < filterHeight; h++) {
          const row = y * info.strideHeight - padInfo.top + h * info.dilationHeight;
          if (row < 0 || row >= inHeight) continue;
          for (let w = 0; w < filterWidth; w++) {
            const column = x * info.strideWidth - padInfo.left + w * info.dilationWidth;
            if (column < 0 || column >= inWidth) continue;
            callback(
              ((image * inHeight + row) * inWidth + column) * inChannels,
              place,
              (h * filterWidth + w) * outChannels,
            );
          }
        }
      }
    }
  }
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
