import type { TensorLike } from "./tensor.ts";

/**
 * The buckets of a histogram as TensorBoard stores them: left edge, right edge and count of each
 * bucket, all of the same width. If all values are equal, they are in the last bucket, which has
 * width 0. Without values, all rows are zero. Non-finite values are omitted, because they have no
 * bucket.
 *
 * Source: `tensorboard/plugins/histogram/summary_v2.py`.
 */
export function histogramTensor(values: ArrayLike<number>, buckets: number): TensorLike {
  const rows = new Float64Array(buckets * 3);
  const tensor: TensorLike = { dtype: "float64", shape: [buckets, 3], values: rows };
  let [min, max, count] = [Infinity, -Infinity, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
    count++;
  }
  if (count === 0) return tensor;
  // The range may overflow, and the width of a bucket underflow.
  const range = max - min;
  let width = range < Infinity ? range / buckets : max / buckets - min / buckets;
  if (range > 0 && width === 0) width = Number.MIN_VALUE;
  const last = buckets - 1;
  for (let bucket = 0; bucket < buckets; bucket++) {
    rows[bucket * 3] = min + bucket * width;
    rows[bucket * 3 + 1] = bucket === last ? max : min + (bucket + 1) * width;
  }
  if (range === 0) {
    rows[last * 3 + 2] = count;
    return tensor;
  }
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) continue;
    rows[Math.min(last, Math.floor((values[i] - min) / width)) * 3 + 2]++;
  }
  return tensor;
}
