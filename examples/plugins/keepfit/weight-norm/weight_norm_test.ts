import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { driveEpochs, loadForTest, trainSmall } from "keepfit/testing";

const source = new URL("0.1.0/", import.meta.url);

for (const tier of ["trusted", "sandboxed"] as const) {
  describe(`The weight norm, ${tier}`, () => {
    it("The weight norm equals the norm of the weights at the end of each epoch", async () => {
      const { callback } = await loadForTest(source, { tier, options: { perWeight: true } });
      const norms: number[] = [];
      let trained: tf.LayersModel;
      const { history } = await trainSmall(tf, [callback, {
        setModel: (model: tf.LayersModel) => void (trained = model),
        onEpochEnd() {
          const squares = trained.getWeights()
            .map((weight) =>
              Array.from(weight.dataSync()).reduce((sum, one) => sum + one * one, 0)
            );
          norms.push(Math.sqrt(squares.reduce((sum, one) => sum + one)));
        },
      }], { epochs: 3 });
      const { weight_norm, weight_norm_0, weight_change } = history.history;
      assert.equal(weight_norm.length, 3);
      weight_norm.forEach((norm, i) => assert(Math.abs(norm - norms[i]) < 1e-4 * norms[i]));
      assert(weight_norm_0.every((norm, i) => norm <= weight_norm[i]));
      assert(weight_change.every((change) => change > 0 && change < 1));
    });

    it("The weight norm warns once about a weight that does not change", async () => {
      const { callback, lines } = await loadForTest(source, { tier });
      const { failures, logs } = await driveEpochs(callback, {
        epochs: [{ loss: 1 }, { loss: 1 }, { loss: 1 }],
      });
      assert.deepEqual(failures, []);
      assert.equal(logs[2].weight_change, 0);
      assert(lines.every((line) => /^weight \d+ \(.*\) did not change in epoch \d$/.test(line)));
      assert.equal(new Set(lines).size, lines.length);
    });
  });
}
