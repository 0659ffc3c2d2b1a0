import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { start } from "./kernels/fixtures.ts";
import { correctResizing } from "./correct_resizing.ts";

/** The gradient of a weighted sum of resized images, and its finite differences. */
function gradients(
  resize: "resizeNearestNeighbor" | "resizeBilinear",
  size: [number, number],
  alignCorners: boolean,
): [own: Float32Array, expected: Float32Array] {
  const images = tf.randomNormal<tf.Rank.R4>([3, 3, 4, 2], 0, 1, "float32", 1);
  const weights = tf.randomNormal<tf.Rank.R4>([3, ...size, 2], 0, 1, "float32", 2);
  const sum = (x: tf.Tensor) =>
    tf.image[resize](x as tf.Tensor4D, size, alignCorners).mul(weights).sum() as tf.Scalar;
  const own = tf.grad(sum)(images);
  assert.deepEqual(own.shape, images.shape);
  // Resizing is linear, so the gradient of a pixel is the result for that pixel alone.
  const pixels = tf.eye(images.size).reshape([images.size, ...images.shape]).unstack();
  const expected = pixels.map((pixel) => sum(pixel).dataSync()[0]);
  return [own.dataSync() as Float32Array, Float32Array.from(expected)];
}

describe("correctResizing", () => {
  for (const resize of ["resizeNearestNeighbor", "resizeBilinear"] as const) {
    for (const size of [[6, 8], [5, 3], [3, 4], [1, 9]] as [number, number][]) {
      for (const alignCorners of [false, true]) {
        it(`correctResizing corrects the gradient of ${resize} to [${size}] with alignCorners ${alignCorners} on cpu`, async () => {
          await start("cpu");
          correctResizing();
          correctResizing();
          tf.tidy(() => {
            const [own, expected] = gradients(resize, size, alignCorners);
            own.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-5));
          });
        });
      }
    }
  }
});
