import type { TensorLike } from "./tensor.ts";

/**
 * The precision-recall curve as TensorBoard stores it: true positives, false positives, true
 * negatives, false negatives, precision and recall at evenly spaced thresholds in 0..1. NaN
 * predictions are omitted.
 *
 * Source: `tensorboard/plugins/pr_curve/summary.py`.
 *
 * @throws RangeError when the numbers of predictions, weights and labels differ
 */
export function prCurveTensor(
  labels: ArrayLike<boolean | number>,
  predictions: ArrayLike<number>,
  thresholds: number,
  weights?: ArrayLike<number>,
): TensorLike {
  for (const [name, other] of Object.entries({ predictions, weights })) {
    if (other === undefined || other.length === labels.length) continue;
    throw new RangeError(
      `Cannot write a curve of ${labels.length} labels and ${other.length} ${name}: ` +
        `the numbers must be equal`,
    );
  }
  // Count the predictions between thresholds, then add up those above each threshold.
  const truePositives = new Float64Array(thresholds);
  const falsePositives = new Float64Array(thresholds);
  for (let i = 0; i < labels.length; i++) {
    if (Number.isNaN(predictions[i])) continue;
    const bucket = Math.floor(Math.min(1, Math.max(0, predictions[i])) * (thresholds - 1));
    (labels[i] ? truePositives : falsePositives)[bucket] += weights?.[i] ?? 1;
  }
  for (let i = thresholds - 2; i >= 0; i--) {
    truePositives[i] += truePositives[i + 1];
    falsePositives[i] += falsePositives[i + 1];
  }
  const values = new Float32Array(6 * thresholds);
  for (let i = 0; i < thresholds; i++) {
    const [tp, fp] = [truePositives[i], falsePositives[i]];
    const [tn, fn] = [falsePositives[0] - fp, truePositives[0] - tp];
    const precision = tp / Math.max(smallestCount, tp + fp);
    const recall = tp / Math.max(smallestCount, tp + fn);
    [tp, fp, tn, fn, precision, recall].forEach((value, row) => {
      values[row * thresholds + i] = value;
    });
  }
  return { dtype: "float32", shape: [6, thresholds], values };
}

// TensorBoard's divisor in place of 0.
const smallestCount = 1e-7;
