import type * as tfjs from "@tensorflow/tfjs";
import { gives, type KernelCall, type TrainingKernel } from "./wasm.ts";

type PoolInfo = ReturnType<typeof tfjs.backend_util.computePool3DInfo>;

// A window of negative values, and one of equal values: the gradient goes to the first, as on cpu.
const probe = { shape: [1, 1, 1, 4, 1], values: [-2, -1, 3, 3] };
const probeGradient = { shape: [1, 1, 1, 2, 1], values: [1, 1] };
const probeOutput = { shape: [1, 1, 1, 2, 1], values: [-1, 3] };
const probeAttrs = { filterSize: [1, 1, 2], strides: [1, 1, 2], pad: "valid" };
const flat = ({ shape, values }: typeof probe) => ({ shape: shape.slice(1), values });

/** The maximum of each window of a volume; tfjs's kernel starts at the smallest positive number. */
export const maxPool3D: TrainingKernel = {
  name: "MaxPool3D",
  run(tf, { inputs: { x }, attrs, backend }) {
    const info = poolInfo3D(tf, x, attrs);
    const out = backend.makeOutput(info.outShape, x.dtype);
    const from = backend.typedArrayFromHeap(x);
    const to = backend.typedArrayFromHeap(out);
    const image = info.inDepth * info.inHeight * info.inWidth * info.inChannels;
    const windows = windowsOf(info);
    for (let start = 0, at = 0; start < from.length; start += image) {
      for (const { first, offsets } of windows) {
        const end = start + first + info.inChannels;
        for (let pixel = start + first; pixel < end; pixel++, at++) {
          let max = -Infinity;
          for (let i = 0; i < offsets.length; i++) {
            const value = from[pixel + offsets[i]];
            if (value > max) max = value;
          }
          to[at] = max;
        }
      }
    }
    return out;
  },
  suffices: (theirs, backend) => gives([-1, 3], theirs, { x: probe }, probeAttrs, backend),
};

/** The gradient of {@linkcode maxPool3D}. */
export const maxPool3DGradient: TrainingKernel = {
  name: "MaxPool3DGrad",
  run: (tf, call) => gradient(call, poolInfo3D(tf, call.inputs.input, call.attrs)),
  suffices: (theirs, backend) =>
    gives(
      [0, 1, 1, 0],
      theirs,
      { input: probe, dy: probeGradient, output: probeOutput },
      probeAttrs,
      backend,
    ),
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
      { input: flat(probe), dy: flat(probeGradient), output: flat(probeOutput) },
      { filterSize: [1, 2], strides: [1, 2], pad: "valid" },
      backend,
    ),
};

/** The first value that equals the maximum gets the whole gradient. */
function gradient(
  { inputs: { dy, input, output }, backend }: KernelCall,
  info: PoolInfo,
): tfjs.TensorInfo {
  const dx = backend.makeOutput(input.shape, "float32");
  const to = backend.typedArrayFromHeap(dx).fill(0);
  const values = backend.typedArrayFromHeap(input);
  const maxima = backend.typedArrayFromHeap(output);
  const from = backend.typedArrayFromHeap(dy);
  const image = info.inDepth * info.inHeight * info.inWidth * info.inChannels;
  const windows = windowsOf(info);
  for (let start = 0, at = 0; start < values.length; start += image) {
    for (const { first, offsets } of windows) {
      const end = start + first + info.inChannels;
      for (let pixel = start + first; pixel < end; pixel++, at++) {
        const max = maxima[at];
        for (let i = 0; i < offsets.length; i++) {
          const place = pixel + offsets[i];
          if (values[place] === max) {
            to[place] += from[at];
            break;
          }
        }
      }
    }
  }
  return dx;
}

interface PoolWindow {
  /** Offset of its first pixel in an image. */
  first: number;
  /** Offsets of its pixels from the first one; shared by all windows of the same size. */
  offsets: Int32Array;
}

/** The windows of one image, clipped to it. */
function windowsOf(info: PoolInfo): PoolWindow[] {
  const { inDepth, inHeight, inWidth, inChannels, padInfo } = info;
  const spans = (
    length: number,
    { count, stride, before, size }: Record<"count" | "stride" | "before" | "size", number>,
  ) =>
    Array.from({ length: count }, (_, i) => {
      const from = Math.max(0, i * stride - before);
      return { from, size: Math.max(0, Math.min(length, i * stride - before + size) - from) };
    });
  const planes = spans(inDepth, {
    count: info.outDepth,
    stride: info.strideDepth,
    before: padInfo.front,
    size: info.effectiveFilterDepth,
  });
  const rows = spans(inHeight, {
    count: info.outHeight,
    stride: info.strideHeight,
    before: padInfo.top,
    size: info.effectiveFilterHeight,
  });
  const columns = spans(inWidth, {
    count: info.outWidth,
    stride: info.strideWidth,
    before: padInfo.left,
    size: info.effectiveFilterWidth,
  });
  const place = (plane: number, row: number, column: number) =>
    ((plane * inHeight + row) * inWidth + column) * inChannels;
  const known = new Map<string, Int32Array>();
  const offsetsOf = (depth: number, height: number, width: number) => {
    const size = `${depth},${height},${width}`;
    let offsets = known.get(size);
    if (!offsets) {
      offsets = Int32Array.from(
        { length: depth * height * width },
        (_, i) =>
          place(Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width),
      );
      known.set(size, offsets);
    }
    return offsets;
  };
  return planes.flatMap((plane) =>
    rows.flatMap((row) =>
      columns.map((column) => ({
        first: place(plane.from, row.from, column.from),
        offsets: offsetsOf(plane.size, row.size, column.size),
      }))
    )
  );
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
