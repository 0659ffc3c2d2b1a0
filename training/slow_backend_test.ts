import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startChild } from "../tests/child.ts";

const tfjs = JSON.stringify(import.meta.resolve("@tensorflow/tfjs"));
const keepfit = JSON.stringify(String(new URL("../mod.ts", import.meta.url)));

/** Number of hints in a process that starts runs and ends each after its first batch. */
async function hints(script: string): Promise<number> {
  const { stderr, code } = await startChild(`
    import * as tf from ${tfjs};
    import { fit, fitDataset, useBackend } from ${keepfit};
    const dense = (units) => [tf.layers.dense({ inputShape: [784], units })];
    const convolutional = () => [
      tf.layers.reshape({ inputShape: [784], targetShape: [28, 28, 1] }),
      tf.layers.conv2d({ filters: 8, kernelSize: 3 }),
      tf.layers.flatten(),
    ];
    const make = (layers) => {
      const model = tf.sequential({ layers: [...layers, tf.layers.dense({ units: 1 })] });
      model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
      return model;
    };
    const begin = async (model, rows, options) => {
      const callbacks = { onTrainBatchEnd: () => void (model.stopTraining = true) };
      const size = { verbose: 2, callbacks, batchSize: 1, ...options };
      await fit(model, tf.zeros([rows, 784]), tf.zeros([rows, 1]), size);
    };
    ${script}
  `).result;
  assert.equal(code, 0, stderr);
  return stderr.split("keepfit: this trains on cpu").length - 1;
}

describe("The hint about slow backends", () => {
  it("The hint about slow backends is printed once per process, before a long run", async () => {
    assert.equal(
      await hints(`
        for (let run = 0; run < 2; run++) await begin(make(dense(64)), 40, { epochs: 1000 });
      `),
      1,
    );
  });

  it("The hint about slow backends counts each position of a convolution", async () => {
    assert.equal(await hints(`await begin(make(convolutional()), 40, { epochs: 20 });`), 1);
  });

  it("The hint about slow backends is printed for a large model on a dataset of unknown length", async () => {
    assert.equal(
      await hints(`
        const model = make(dense(256));
        await fitDataset(model, function* () {
          yield { xs: tf.zeros([1, 784]), ys: tf.zeros([1, 1]) };
        }, { verbose: 2, epochs: 1 });
      `),
      1,
    );
  });

  it("The hint about slow backends is not printed for a short run, or with verbose 0", async () => {
    assert.equal(
      await hints(`
        await begin(make(dense(64)), 40, { epochs: 10 });
        await begin(make(dense(64)), 40, { epochs: 1000, verbose: 0 });
      `),
      0,
    );
  });

  it("The hint about slow backends is not printed on wasm, or on a chosen cpu", async () => {
    assert.equal(
      await hints(`
        for (const backend of ["wasm", "cpu"]) {
          await useBackend(tf, backend);
          await begin(make(dense(64)), 40, { epochs: 1000 });
        }
      `),
      0,
    );
  });
});
