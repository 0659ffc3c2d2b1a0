import type * as tfjs from "@tensorflow/tfjs";
import { gives, runKernel, type TrainingKernel, type WasmBackend } from "./wasm.ts";

type Conv3DInfo = ReturnType<typeof tfjs.backend_util.computeConv3DInfo>;
type Shape5D = [number, number, number, number, number];

const ones = [1, 1, 1];

/**
 * The gradient of a 3D convolution with respect to its filter: itself a convolution, with batch and
 * channels swapped and stride as dilation.
 */
export const conv3DFilterGradient: TrainingKernel = {
  name: "Conv3DBackpropFilterV2",
  run(tf, { inputs: { x, dy }, attrs, backend }) {
    const info = convInfo(tf, x.shape, attrs.filterShape as Shape5D, attrs);
    const { padInfo: { front, top, left } } = info;
    const depth = (info.outDepth - 1) * info.strideDepth + info.filterDepth;
    const height = (info.outHeight - 1) * info.strideHeight + info.filterHeight;
    const width = (info.outWidth - 1) * info.strideWidth + info.filterWidth;
    const paddings = [
      [0, 0],
      [front, Math.max(0, depth - front - info.inDepth)],
      [top, Math.max(0, height - top - info.inHeight)],
      [left, Math.max(0, width - left - info.inWidth)],
      [0, 0],
    ];
    const made: tfjs.TensorInfo[] = [];
    const run = (name: string, inputs: Record<string, tfjs.TensorInfo>, attrs: object) => {
      const out = runKernel(tf, name, inputs, attrs, backend);
      made.push(out);
      return out;
    };
    const padded = run("PadV2", { x }, { paddings, constantValue: 0 });
    const size = [info.batchSize, depth, height, width, info.inChannels];
    const seen = run("Slice", { x: padded }, { begin: [0, 0, 0, 0, 0], size });
    const whole = run("Conv3D", {
      x: run("Transpose", { x: seen }, { perm: [4, 1, 2, 3, 0] }),
      filter: run("Transpose", { x: dy }, { perm: [1, 2, 3, 0, 4] }),
    }, {
      strides: ones,
      dilations: [info.strideDepth, info.strideHeight, info.strideWidth],
      pad: "valid",
    });
    const out = runKernel(tf, "Transpose", { x: whole }, { perm: [1, 2, 3, 0, 4] }, backend);
    for (const { dataId } of made) backend.disposeData(dataId);
    return out;
  },
  // tfjs's own kernel omits most taps if there are strides.
  suffices: (theirs, backend) =>
    gives(
      Array(8).fill(8),
      theirs,
      {
        x: { shape: [1, 4, 4, 4, 1], values: Array(64).fill(1) },
        dy: { shape: [1, 2, 2, 2, 1], values: Array(8).fill(1) },
      },
      { strides: [2, 2, 2], pad: "valid", filterShape: [2, 2, 2, 1, 1] },
      backend,
    ),
};

/**
 * The gradient of a 3D convolution with respect to its input, which is also a transposed
 * convolution: a convolution of the output's gradient with the rotated filter.
 */
export const conv3DInputGradient: TrainingKernel = {
  name: "Conv3DBackpropInputV2",
  run(tf, { inputs: { dy, filter }, attrs, backend }) {
    const info = convInfo(tf, attrs.inputShape as number[], filter.shape, attrs);
    const x = spread(dy, info, backend);
    const reversed = runKernel(tf, "Reverse", { x: filter }, { dims: [0, 1, 2] }, backend);
    const turned = runKernel(tf, "Transpose", { x: reversed }, { perm: [0, 1, 2, 4, 3] }, backend);
    const out = runKernel(
      tf,
      "Conv3D",
      { x, filter: turned },
      { strides: ones, dilations: ones, pad: "valid" },
      backend,
    );
    for (const { dataId } of [x, reversed, turned]) backend.disposeData(dataId);
    return out;
  },
  // tfjs's own kernel omits pixels.
  suffices: (theirs, backend) =>
    gives(
      Array(8).fill(1),
      theirs,
      {
        dy: { shape: [1, 2, 2, 2, 1], values: Array(8).fill(1) },
        filter: { shape: [1, 1, 1, 1, 1], values: [1] },
      },
      { strides: [1, 1, 1], pad: "valid", inputShape: [1, 2, 2, 2, 1] },
      backend,
    ),
};

function convInfo(
  tf: typeof tfjs,
  inputShape: number[],
  filterShape: number[],
  { strides, pad }: tfjs.NamedAttrMap,
): Conv3DInfo {
  return tf.backend_util.computeConv3DInfo(
    inputShape as Shape5D,
    filterShape as Shape5D,
    strides as [number, number, number],
    1,
    pad as "valid",
  );
}

/** The gradient of {@linkcode conv3DInputGradient}, which tfjs lacks on all backends. */
export function transposedConv3DGradient(tf: typeof tfjs): tfjs.GradConfig {
  return {
    kernelName: "Conv3DBackpropInputV2",
    inputsToSave: ["dy", "filter"],
    gradFunc(ddx, [dy, filter], { strides, pad }) {
      const x = ddx as tfjs.Tensor5D;
      return {
        dy: () =>
          tf.conv3d(
            x,
            filter as tfjs.Tensor5D,
            strides as [number, number, number],
            pad as "valid",
          ),
        filter: () =>
          tf.engine().runKernel("Conv3DBackpropFilterV2", { x, dy }, {
            strides,
            pad,
            filterShape: filter.shape,
          }),
      };
    },
  };
}

/**
 * Padded with zeros between and around its pixels, so that a convolution without padding has the
 * shape of the input.
 */
function spread(dy: tfjs.TensorInfo, info: Conv3DInfo, backend: WasmBackend): tfjs.TensorInfo {
  const { batchSize, outDepth, outHeight, outWidth, outChannels, padInfo } = info;
  const depth = info.inDepth + info.effectiveFilterDepth - 1;
  const height = info.inHeight + info.effectiveFilterHeight - 1;
  const width = info.inWidth + info.effectiveFilterWidth - 1;
  const front = info.effectiveFilterDepth - 1 - padInfo.front;
  const top = info.effectiveFilterHeight - 1 - padInfo.top;
  const left = info.effectiveFilterWidth - 1 - padInfo.left;
  const out = backend.makeOutput([batchSize, depth, height, width, outChannels], "float32");
  const to = backend.typedArrayFromHeap(out).fill(0);
  const from = backend.typedArrayFromHeap(dy);
  let at = 0;
  for (let image = 0; image < batchSize; image++) {
    for (let z = 0; z < outDepth; z++) {
      const plane = image * depth + front + z * info.strideDepth;
      for (let y = 0; y < outHeight; y++) {
        const row = plane * height + top + y * info.strideHeight;
        for (let x = 0; x < outWidth; x++) {
          const start = (row * width + left + x * info.strideWidth) * outChannels;
          for (let i = 0; i < outChannels; i++) to[start + i] = from[at++];
        }
      }
    }
  }
  return out;
}
