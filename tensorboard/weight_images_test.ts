import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { weightImages } from "./weight_images.ts";

/** A weight whose values count up from 0. */
function counted(...shape: number[]): { shape: number[]; values: Float32Array } {
  const size = shape.reduce((all, one) => all * one, 1);
  return { shape, values: Float32Array.from({ length: size }, (_, i) => i) };
}

/** Width, height, channels and values of each picture. */
function described(...shape: number[]): [number, number, number, number[]][] {
  return weightImages(counted(...shape)).map(({ width, height, channels, data }) => [
    width,
    height,
    channels,
    [...data],
  ]);
}

describe("weightImages", () => {
  it("weightImages shows a vector as one column", () => {
    assert.deepEqual(described(3), [[1, 3, 1, [0, 1, 2]]]);
  });

  it("weightImages keeps a wide matrix", () => {
    assert.deepEqual(described(2, 3), [[3, 2, 1, [0, 1, 2, 3, 4, 5]]]);
  });

  it("weightImages transposes a high matrix", () => {
    assert.deepEqual(described(3, 2), [[3, 2, 1, [0, 2, 4, 1, 3, 5]]]);
  });

  it("weightImages creates an image of each slice along the last of three axes", () => {
    assert.deepEqual(described(2, 3, 2), [
      [3, 2, 1, [0, 2, 4, 6, 8, 10]],
      [3, 2, 1, [1, 3, 5, 7, 9, 11]],
    ]);
  });

  it("weightImages treats four axes as images with channels if the last one allows it", () => {
    assert.deepEqual(
      described(2, 2, 2, 3).map(([width, height, channels]) => [
        width,
        height,
        channels,
      ]),
      [[2, 2, 3], [2, 2, 3]],
    );
    assert.deepEqual(described(3, 3, 2, 8), []);
  });

  it("weightImages drops axes of length 1 first", () => {
    assert.deepEqual(described(1, 1, 2, 1), [[1, 2, 1, [0, 1]]]);
  });

  it("weightImages creates at most three images", () => {
    assert.equal(described(2, 2, 9).length, 3);
  });

  it("weightImages creates no image for a single value or five axes", () => {
    assert.deepEqual(described(), []);
    assert.deepEqual(described(1, 1), []);
    assert.deepEqual(described(2, 2, 2, 2, 3), []);
  });
});
