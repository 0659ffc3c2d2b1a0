import * as tf from "@tensorflow/tfjs";
import { after, describe, it } from "node:test";
import { sameGradients, seeded, values } from "./fixtures.ts";

const shape = [3, 4, 2, 5];

describe("A rectifier with slopes on wasm", () => {
  after(() => tf.setBackend("cpu"));

  for (
    const slopes of [[4, 2, 5], [1, 2, 5], [1, 1, 5], [4, 1, 5], [4, 2, 1], [4, 1, 1], [1, 2, 1]]
      .concat([[1, 1, 1], [1, 4, 2, 1], [5], [1]])
  ) {
    it(`A rectifier with slopes on wasm has the values and gradients of cpu for slopes [${slopes}] of [${shape}]`, async () => {
      const random = seeded(3);
      const inputs = [shape, slopes].map((one) => ({ shape: one, values: values(one, random) }));
      await sameGradients("prelu", inputs, (x, alpha) => tf.prelu(x, alpha));
    });
  }
});
