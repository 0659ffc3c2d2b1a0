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
  it("makes a vector one column", () => {
    assert.deepEqual(described(3), [[1, 3, 1, [0, 1, 2]]]);
  });

  it("leaves a matrix that is wide as it is", () => {
    assert.deepEqual(described(2, 3), [[3, 2, 1, [0, 1, 2, 3, 4, 5]]]);
  });

  it("lays a matrix down that is high", () => {
    assert.deepEqual(described(3, 2), [[3, 2, 1, [0, 2, 4, 1, 3, 5]]]);
  });

  it("makes a picture of each slice along the last of three axes", () => {
    assert.deepEqual(described(2, 3, 2), [
      [3, 2, 1, [0, 2, 4, 6, 8, 10]],
      [3, 2, 1, [1, 3, 5, 7, 9, 11]],
    ]);
  });

  it("takes four axes for pictures with channels when the last one can be that", () => {
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

  it("drops axes of length 1 first", () => {
    assert.deepEqual(described(1, 1, 2, 1), [[1, 2, 1, [0, 1]]]);
  });

  it("makes at most three pictures", () => {
    assert.equal(described(2, 2, 9).length, 3);
  });

  it("makes none of a single value, nor of five axes", () => {
    assert.deepEqual(described(), []);
    assert.deepEqual(described(1, 1), []);
    assert.deepEqual(described(2, 2, 2, 2, 3), []);
  });
});
