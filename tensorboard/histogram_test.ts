import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { histogramTensor } from "./histogram.ts";

/** The rows of a histogram: left edge, right edge, count. */
function rows(values: ArrayLike<number>, buckets: number): number[][] {
  const { shape, values: found } = histogramTensor(values, buckets);
  assert.deepEqual(shape, [buckets, 3]);
  const numbers = Array.from(found as Float64Array);
  return Array.from({ length: buckets }, (_, i) => numbers.slice(i * 3, i * 3 + 3));
}

describe("A histogram", () => {
  it("A histogram has buckets of equal width from the minimum to the maximum", () => {
    assert.deepEqual(rows([0, 1, 2, 3, 4, 4], 4), [[0, 1, 1], [1, 2, 1], [2, 3, 1], [3, 4, 3]]);
  });

  it("A histogram counts every value once, however its edges are rounded", () => {
    for (let buckets = 1; buckets < 40; buckets++) {
      const values = Array.from({ length: 1000 }, (_, i) => Math.sin(i * 7) / 3 + 0.1);
      const found = rows(values, buckets);
      assert.equal(found.reduce((sum, [, , count]) => sum + count, 0), 1000);
      assert.equal(found[0][0], Math.min(...values));
      assert.equal(found[buckets - 1][1], Math.max(...values));
    }
  });

  it("A histogram has equal values in its last bucket", () => {
    assert.deepEqual(rows([2, 2, 2], 3), [[2, 2, 0], [2, 2, 0], [2, 2, 3]]);
    assert.deepEqual(rows([0, 0], 2), [[0, 0, 0], [0, 0, 2]]);
  });

  it("A histogram omits values that are not finite", () => {
    assert.deepEqual(rows([NaN, 1, Infinity, 3, -Infinity], 2), [[1, 2, 1], [2, 3, 1]]);
    assert.deepEqual(rows([NaN, NaN], 2), [[0, 0, 0], [0, 0, 0]]);
  });

  it("A histogram counts values with the smallest and the largest possible distance", () => {
    assert.deepEqual(rows([0, 5e-324], 30).reduce((sum, [, , count]) => sum + count, 0), 2);
    const wide = rows([-1.7e308, 0, 1.7e308], 2);
    assert.deepEqual(wide, [[-1.7e308, 0, 1], [0, 1.7e308, 2]]);
  });
});
