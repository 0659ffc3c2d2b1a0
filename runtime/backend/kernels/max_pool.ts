import type * as tfjs from "@tensorflow/tfjs";
import { gives, type KernelCall, type TrainingKernel } from "./wasm.ts";

type PoolInfo = ReturnType<typeof tfjs.backend_util.computePool3DInfo>;

// A window of negatives, and one of equals: the gradient goes to the first of them, as on cpu.
const probe = { shape: [1, 1, 1, 4, 1], values: [-2, -1, 3, 3] };
const probeGradient = { shape: [1, 1, 1, 2, 1], values: [1, 1] };
const probeAttrs = { filterSize: [1, 1, 2], strides: [1, 1, 2], pad: "valid" };
const flat = ({ shape, values }: typeof probe) => ({ shape: shape.slice(1), values });

/** The greatest value of each window of a volume; tfjs's starts at the smallest positive number. */
export const maxPool3D: TrainingKernel = {
  name: "MaxPool3D",
  run(tf, { inputs: { x }, attrs, backend }) {
    const info = poolInfo3D(tf, x, attrs);
    const out = backend.makeOutput(info.outShape, x.dtype);
    const from = backend.typedArrayFromHeap(x);
    const to = backend.typedArrayFromHeap(out);
    eachWindow(info, (window, size, at) => {
      for (let channel = 0; channel < info.inChannels; channel++) {
        let max = -Infinity;
        for (let i = 0; i < size; i++) {
          const value = from[window[i] + channel];
          if (value > max) max = value;
        }
        to[at + channel] = max;
      }
    });
    return out;
  },
  suffices: (theirs, backend) => gives([-1, 3], theirs, { x: probe }, probeAttrs, backend),
};

/** The gradient of {@linkcode maxPool3D}. */
export const maxPool3DGradient: TrainingKernel = {
  name: "MaxPool3DGrad",
  run: (tf, call) => gradient(call, poolInfo3D(tf, call.inputs.input, call.attrs)),
  suffices: (theirs, backend) =>
    gives([0, 1, 1, 0], theirs, { input: probe, dy: probeGradient }, probeAttrs, backend),
};

/** The gradient of a maximum over windows of an image. */
export const maxPoolGradient: TrainingKernel = {
  name: "MaxPoolGrad",
  run(tf, call) {
    const { filterSize, strides, pad, dimRoundingMode } = call.attrs;
    const info = tf.backend_util.computePool2DInfo(
      call.inputs.input.shape as [number, number, number, number],
      filterSize as [number, number],
      strides as [number, number],
      1,
      pad as "valid",
      dimRoundingMode as "floor",
    );
    // An image is a volume of depth one.
    return gradient(call, {
      ...info,
      inDepth: 1,
      outDepth: 1,
      strideDepth: 1,
      effectiveFilterDepth: 1,
      padInfo: { ...info.padInfo, front: 0, back: 0 },
    } as unknown as PoolInfo);
  },
  suffices: (theirs, backend) =>
    gives(
      [0, 1, 1, 0],
      theirs,
      { input: flat(probe), dy: flat(probeGradient) },
      { filterSize: [1, 2], strides: [1, 2], pad: "valid" },
      backend,
    ),
};

function gradient({ inputs: { dy, input }, backend }: KernelCall, info: PoolInfo): tfjs.TensorInfo {
  const dx = backend.makeOutput(input.shape, "float32");
  const to = backend.typedArrayFromHeap(dx).fill(0);
  const values = backend.typedArrayFromHeap(input);
  const from = backend.typedArrayFromHeap(dy);
  eachWindow(info, (window, size, at) => {
    for (let channel = 0; channel < info.inChannels; channel++) {
      let max = -Infinity;
      let place = -1;
      for (let i = 0; i < size; i++) {
        const value = values[window[i] + channel];
        if (value > max) {
          max = value;
          place = window[i];
        }
      }
      if (place >= 0) to[place + channel] += from[at + channel];
    }
  });
  return dx;
}

/**
 * Call back for each place of the output with where the pixels of its window begin in the input, how
 * many there are inside the image, and where its own begins. The list is used again for the next.
 */
function eachWindow(
  info: PoolInfo,
  callback: (window: Int32Array, size: number, at: number) => void,
): void {
  const { inDepth, inHeight, inWidth, inChannels: channels, padInfo } = info;
  const { effectiveFilterDepth, effectiveFilterHeight, effectiveFilterWidth } = info;
  const window = new Int32Array(
    effectiveFilterDepth * effectiveFilterHeight * effectiveFilterWidth,
  );
  let at = 0;
  for (let image = 0; image < info.batchSize; image++) {
    for (let z = 0; z < info.outDepth; z++) {
      const front = z * info.strideDepth - padInfo.front;
      const back = Math.min(inDepth, front + effectiveFilterDepth);
      for (let y = 0; y < info.outHeight; y++) {
        const top = y * info.strideHeight - padInfo.top;
        const bottom = Math.min(inHeight, top + effectiveFilterHeight);
        for (let x = 0; x < info.outWidth; x++) {
          const left = x * info.strideWidth - padInfo.left;
          const right = Math.min(inWidth, left + effectiveFilterWidth);
          let size = 0;
          for (let d = Math.max(0, front); d < back; d++) {
            for (let h = Math.max(0, top); h < bottom; h++) {
              const row = ((image * inDepth + d) * inHeight + h) * inWidth;
              for (let w = Math.max(0, left); w < right; w++) {
                window[size++] = (row + w) * channels;
              }
            }
          }
          callback(window, size, at);
          at += channels;
        }
      }
    }
  }
}

function poolInfo3D(tf: typeof tfjs, x: tfjs.TensorInfo, attrs: tfjs.NamedAttrMap): PoolInfo {
  const { filterSize, strides, pad, dimRoundingMode } = attrs;
  return tf.backend_util.computePool3DInfo(
    x.shape as [number, number, number, number, number],
    filterSize as [number, number, number],
    strides as [number, number, number],
    1,
    pad as "valid",
    dimRoundingMode as "floor",
  );
}
