import type { TrainingKernel } from "./wasm.ts";

/**
 * Sums of rows with the same id: the gradient of an embedding. Ids outside the segments are
 * dropped, as on cpu.
 */
export const segmentSum: TrainingKernel = {
  name: "UnsortedSegmentSum",
  run(_tf, { inputs: { x, segmentIds }, attrs, backend }) {
    if (segmentIds.shape.length !== 1) {
      throw new RangeError(
        `Cannot sum segments with ids of shape [${segmentIds.shape}]: they must have one dimension`,
      );
    }
    const count = attrs.numSegments as number;
    const out = backend.makeOutput([count, ...x.shape.slice(1)], x.dtype);
    const sums = backend.typedArrayFromHeap(out).fill(0);
    const values = backend.typedArrayFromHeap(x);
    const ids = backend.typedArrayFromHeap(segmentIds);
    const width = x.shape.slice(1).reduce((size, length) => size * length, 1);
    for (let row = 0; row < ids.length; row++) {
      const id = ids[row];
      if (id < 0 || id >= count) continue;
      const from = row * width;
      const to = id * width;
      for (let i = 0; i < width; i++) sums[to + i] += values[from + i];
    }
    return out;
  },
};
