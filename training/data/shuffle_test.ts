import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { random, randomSeed } from "../../core/random.ts";
import { shuffledOrder } from "./shuffle.ts";

const order = (...args: Parameters<typeof shuffledOrder>) => Array.from(shuffledOrder(...args));

describe("shuffledOrder", () => {
  // Fixed values, because the order must be the same on every runtime and in later versions.
  it("shuffledOrder depends only on the seed and the pass", () => {
    assert.deepEqual(order(10, 42, 0), [1, 0, 2, 3, 8, 9, 7, 5, 4, 6]);
    assert.deepEqual(order(10, 42, 1), [0, 4, 5, 7, 6, 9, 8, 2, 1, 3]);
    assert.deepEqual(order(10, 0, 0), [5, 4, 9, 1, 2, 6, 0, 8, 7, 3]);
  });

  it("shuffledOrder uses all 53 bits of the seed", () => {
    assert.deepEqual(order(10, 2 ** 32 + 42, 0), [8, 2, 1, 5, 9, 3, 4, 0, 6, 7]);
  });

  it("shuffledOrder keeps batches together, and a smaller last batch last", () => {
    assert.deepEqual(order(11, 42, 0, 3), [6, 7, 8, 0, 1, 2, 3, 4, 5, 9, 10]);
  });

  it("shuffledOrder contains every row once", () => {
    for (const rows of [1, 2, 1000]) {
      assert.deepEqual(
        order(rows, 5, 3).sort((a, b) => a - b),
        Array.from({ length: rows }, (_, i) => i),
      );
    }
    assert.deepEqual(order(0, 5, 0), []);
  });
});

describe("random", () => {
  it("random draws the same numbers for one seed and stream", () => {
    const { below } = random(7, 3);
    assert.deepEqual(Array.from({ length: 6 }, () => below(1000)), [100, 690, 47, 339, 57, 422]);
  });

  it("random draws every number with the same frequency", () => {
    const { below } = random(1);
    const counts = new Array(6).fill(0);
    for (let i = 0; i < 60_000; i++) counts[below(6)]++;
    // Five standard deviations; the numbers are fixed by the seed.
    assert(counts.every((count) => Math.abs(count - 10_000) < 460), String(counts));
  });
});

describe("random near the limit of 32 bits", () => {
  it("random does not favor small numbers near the limit of 32 bits", () => {
    const { below } = random(1);
    let small = 0;
    for (let i = 0; i < 3000; i++) if (below(3 * 2 ** 30) < 2 ** 30) small++;
    // A plain remainder would give 1500.
    assert(Math.abs(small - 1000) < 150, String(small));
  });
});

describe("randomSeed", () => {
  it("randomSeed returns a different whole number each time", () => {
    const seeds = new Set(Array.from({ length: 20 }, randomSeed));
    assert(seeds.size > 1);
    assert([...seeds].every((seed) => Number.isSafeInteger(seed) && seed >= 0));
  });
});
