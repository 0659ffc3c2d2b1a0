import * as tf from "@tensorflow/tfjs";
import { after, describe, it } from "node:test";
import { pick, sameGradients, seeded, values } from "./fixtures.ts";

describe("Pooling on wasm", () => {
  after(() => tf.setBackend("cpu"));

  it("Pooling on wasm has cpu's gradients of the maximum, even for windows of negatives", async () => {
    for (let seed = 0; seed < 25; seed++) {
      const { what, x, size, strides, pad } = pool(seed, 2);
      await sameGradients(
        what,
        [x],
        (x) =>
          tf.maxPool(x as tf.Tensor4D, size as [number, number], strides as [number, number], pad),
      );
    }
  });

  it("Pooling on wasm has cpu's maximum of volumes and its gradients, even for windows of negatives", async () => {
    for (let seed = 0; seed < 15; seed++) {
      const { what, x, size, strides, pad } = pool(seed, 3);
      // On cpu, the gradients of other windows are wrong.
      size[1] = size[2];
      await sameGradients(what, [x], (x) =>
        tf.maxPool3d(
          x as tf.Tensor5D,
          size as [number, number, number],
          strides as [number, number, number],
          pad,
        ));
    }
  });

  it("Pooling on wasm gives the gradient of equal values to the first, like cpu", async () => {
    const x = { shape: [1, 4, 4, 2], values: new Float32Array(32).fill(-1) };
    await sameGradients("equals", [x], (x) => tf.maxPool(x as tf.Tensor4D, 2, 2, "valid"));
    await sameGradients(
      "equals that overlap",
      [x],
      (x) => tf.maxPool(x as tf.Tensor4D, 3, 1, "same"),
    );
  });

  it("Pooling on wasm has cpu's gradients of the mean", async () => {
    for (let seed = 0; seed < 10; seed++) {
      const { what, x, size, strides, pad } = pool(seed, 2);
      await sameGradients(
        what,
        [x],
        (x) =>
          tf.avgPool(x as tf.Tensor4D, size as [number, number], strides as [number, number], pad),
      );
    }
  });
});

/** A pool over values of which every other set has no positive one. */
function pool(seed: number, dimensions: 2 | 3) {
  const random = seeded(seed);
  const few = (list: number[]) => Array.from({ length: dimensions }, () => pick(list, random));
  const shape = [pick([1, 3], random), ...few([4, 5, 6]), pick([1, 2, 4], random)];
  const size = few([1, 2, 3]);
  const strides = few([1, 2, 3]);
  const pad = pick(["same", "valid"] as const, random);
  const x = { shape, values: values(shape, random, seed % 2 ? 2 : -0.1) };
  return { what: `[${shape}] by ${size}, strides ${strides}, ${pad}`, x, size, strides, pad };
}
