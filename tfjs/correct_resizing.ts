import type * as tf from "@tensorflow/tfjs";
import { findGlobals } from "./engine.ts";

/** The part of the cpu backend that the kernels use. */
interface CpuBackend {
  data: { get(id: tf.DataId): { values: Float32Array } };
  makeTensorInfo(shape: number[], dtype: tf.DataType, values: Float32Array): tf.TensorInfo;
}

type Images = [count: number, height: number, width: number, channels: number];

/**
 * Correct two gradients of TensorFlow.js's cpu backend, for all its copies in the process: that of
 * `resizeNearestNeighbor`, which reads all images but the first at wrong positions, and that of
 * `resizeBilinear`, which swaps the height and width of its shape.
 */
export function correctResizing(): void {
  const registry = findGlobals()?.get("kernelRegistry") as Map<string, tf.KernelConfig> | undefined;
  for (const [kernelName, correct] of Object.entries(gradients)) {
    const key = `cpu_${kernelName}`;
    const theirs = registry?.get(key);
    if (registry === undefined || theirs === undefined || corrected.has(theirs)) continue;
    const ours = { ...theirs, kernelFunc: correct(theirs.kernelFunc) };
    corrected.add(ours);
    registry.set(key, ours);
  }
}

const corrected = new WeakSet<tf.KernelConfig>();

const gradients: Record<string, (theirs: tf.KernelFunc) => tf.KernelFunc> = {
  ResizeNearestNeighborGrad: () => ({ inputs, attrs, backend }) => {
    const { images, dy } = inputs as { [name: string]: tf.TensorInfo };
    const { alignCorners } = attrs as unknown as { alignCorners: boolean };
    const [count, height, width, channels] = images.shape as Images;
    const [, rows, columns] = dy.shape;
    const { data, makeTensorInfo } = backend as CpuBackend;
    const from = data.get(dy.dataId).values;
    const to = new Float32Array(count * height * width * channels);
    const rowOf = nearest(height, rows, alignCorners);
    const columnOf = nearest(width, columns, alignCorners);
    for (let image = 0, at = 0; image < count; image++) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const pixel = (image * height + rowOf[row]) * width + columnOf[column];
          for (let c = 0; c < channels; c++) to[pixel * channels + c] += from[at++];
        }
      }
    }
    return makeTensorInfo.call(backend, images.shape, "float32", to);
  },
  ResizeBilinearGrad: (theirs) => (call) => ({
    ...theirs(call) as tf.TensorInfo,
    shape: (call.inputs as { [name: string]: tf.TensorInfo }).images.shape,
  }),
};

/** Source pixel of each pixel of a resized axis. */
function nearest(size: number, resized: number, alignCorners: boolean): number[] {
  const isAligned = alignCorners && resized > 1;
  const scale = isAligned ? (size - 1) / (resized - 1) : size / resized;
  return Array.from({ length: resized }, (_, i) => {
    const position = alignCorners ? Math.round(i * scale) : Math.floor(i * scale);
    return Math.min(size - 1, position);
  });
}
