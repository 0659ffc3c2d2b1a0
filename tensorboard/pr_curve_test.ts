import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { prCurveTensor } from "./pr_curve.ts";

/** The rows of a curve by name. */
function curve(labels: ArrayLike<boolean | number>, predictions: number[], weights?: number[]) {
  const { shape, values } = prCurveTensor(labels, predictions, 3, weights);
  assert.deepEqual(shape, [6, 3]);
  const [tp, fp, tn, fn, precision, recall] = [0, 1, 2, 3, 4, 5].map((row) =>
    Array.from(values as Float32Array).slice(row * 3, row * 3 + 3)
  );
  return { tp, fp, tn, fn, precision, recall };
}

describe("A precision-recall curve", () => {
  it("A precision-recall curve counts right and wrong predictions at each threshold, inclusive", () => {
    assert.deepEqual(curve([true, true, false, false], [1, 0.4, 0.5, 0.2]), {
      tp: [2, 1, 1],
      fp: [2, 1, 0],
      tn: [0, 1, 2],
      fn: [0, 1, 1],
      precision: [0.5, 0.5, 1],
      recall: [1, 0.5, 0.5],
    });
  });

  it("A precision-recall curve weights each prediction, and accepts numbers as labels", () => {
    const { tp, fp, precision } = curve(Uint8Array.of(1, 0, 0), [1, 1, 0], [3, 1, 7]);
    assert.deepEqual({ tp, fp }, { tp: [3, 3, 3], fp: [8, 1, 1] });
    assert.deepEqual(precision, [Math.fround(3 / 11), 0.75, 0.75]);
  });

  it("A precision-recall curve clips predictions to 0 and 1, and omits NaN", () => {
    const { tp, fp } = curve([1, 0, 1, 1], [1.5, -Infinity, NaN, 0.5]);
    assert.deepEqual({ tp, fp }, { tp: [2, 2, 1], fp: [1, 0, 0] });
  });

  it("A precision-recall curve is 0 where there is nothing to divide by", () => {
    const { precision, recall } = curve([0, 0], [0.2, 0.3]);
    assert.deepEqual({ precision, recall }, { precision: [0, 0, 0], recall: [0, 0, 0] });
    assert.deepEqual(curve([], []).tp, [0, 0, 0]);
  });
});
