import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { type Measure, RunningMeans } from "./running_means.ts";
import { tensorsLeft } from "./fixtures.ts";

const share: Measure = {
  name: "share",
  ratio: {
    sums: () => tf.tensor1d([]),
    result: ([part, whole]) => part / whole,
  },
};
const measures = [{ name: "loss" }, share, { name: "acc" }];

for (const synchronous of [true, false]) {
  const pack = (values: number[], sizes: number[]) => ({
    values: synchronous ? values : tf.tensor1d(values),
    sizes,
  });
  /** The values of one step. */
  const values = (loss: number, part: number, whole: number, acc: number) =>
    pack([loss, part, whole, acc], [1, 2, 1]);

  describe(`RunningMeans ${synchronous ? "on the host" : "on a device"}`, () => {
    it("RunningMeans weights means by rows and adds the sums of ratios", async () => {
      const means = new RunningMeans(measures);
      await means.add(values(1, 1, 4, 0), 3);
      assert.deepEqual(await means.logs(), { acc: 0, loss: 1, share: 0.25 });
      await means.add(values(5, 1, 1, 1), 1);
      const logs = await means.logs();
      assert.deepEqual(logs, { acc: 0.25, loss: 2, share: 0.4 });
      assert.deepEqual(Object.keys(logs), ["acc", "loss", "share"]);
    });

    it("RunningMeans is empty before the first batch", async () => {
      assert.deepEqual(await new RunningMeans(measures).logs(), {});
    });

    it("RunningMeans adds in float64", async () => {
      const means = new RunningMeans([{ name: "loss" }]);
      await means.add(pack([2 ** 24], [1]), 1);
      for (let i = 0; i < 7; i++) await means.add(pack([1], [1]), 1);
      // Float32 would stay at 2 ** 24.
      assert.deepEqual(await means.logs(), { loss: (2 ** 24 + 7) / 8 });
    });

    it("RunningMeans continues from the sums of another one, as plain data", async () => {
      const first = new RunningMeans(measures);
      await first.add(values(1, 1, 4, 0), 3);
      const state = structuredClone(await first.getState());
      assert.deepEqual(state, { rows: 3, sums: { acc: [0], loss: [3], share: [1, 4] } });
      const second = new RunningMeans(measures.toReversed());
      second.setState(state);
      await second.add(pack([1, 1, 1, 5], [1, 2, 1]), 1);
      assert.deepEqual(await second.logs(), { acc: 0.25, loss: 2, share: 0.4 });
      assert.deepEqual(state.sums.loss, [3]);
    });

    it("RunningMeans starts from zero with the sums of other measures, and after reset", async () => {
      const means = new RunningMeans(measures);
      await means.add(values(1, 1, 4, 0), 3);
      means.setState({ rows: 2, sums: { loss: [1], mae: [1] } });
      assert.deepEqual(await means.logs(), {});
      await means.add(values(1, 1, 4, 0), 3);
      means.reset();
      assert.deepEqual(await means.logs(), {});
    });

    it("RunningMeans counts more batches than fit on a device, each once", async () => {
      const means = new RunningMeans(measures);
      let waited = 0;
      const left = await tensorsLeft(async () => {
        for (let i = 0; i < 300; i++) {
          const counted = means.add(values(i, 1, 2, 1), 1);
          if (counted !== undefined) waited++;
          await counted;
        }
        assert.deepEqual(await means.logs(), { acc: 1, loss: 149.5, share: 0.5 });
      });
      assert.equal(left, 0);
      assert.equal(waited, synchronous ? 0 : 2);
    });

    it("RunningMeans disposes tensors that were read or discarded", async () => {
      const left = await tensorsLeft(async () => {
        const means = new RunningMeans(measures);
        await means.add(values(1, 1, 4, 0), 3);
        await means.logs();
        await means.add(values(1, 1, 4, 0), 3);
        means.dispose();
      });
      assert.equal(left, 0);
    });
  });
}

describe("RunningMeans reading a device", () => {
  it("RunningMeans reads nothing until logs are requested", () => {
    const means = new RunningMeans([{ name: "loss" }]);
    const value = tf.scalar(3);
    assert.equal(means.add({ values: value, sizes: [1] }, 1), undefined);
    assert.equal(value.isDisposed, false);
    means.dispose();
    assert.equal(value.isDisposed, true);
  });

  it("RunningMeans keeps no tensor when reading fails", async () => {
    const left = await tensorsLeft(async () => {
      const means = new RunningMeans([{ name: "loss" }]);
      const broken = tf.scalar(1);
      broken.dispose();
      means.add({ values: tf.scalar(1), sizes: [1] }, 1);
      means.add({ values: broken, sizes: [1] }, 1);
      await means.logs();
      assert.fail("a disposed tensor was read");
    });
    assert.equal(left, 0);
  });
});
