import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { getEngine } from "../../tfjs/engine.ts";
import { tensorsLeft, warned } from "../fixtures.ts";
import type { BatchIterator } from "./data.ts";
import { datasetSource } from "./dataset_source.ts";

const signature = {
  inputNames: ["in"],
  inputShapes: [[null, 1]],
  outputNames: ["out"],
  targetShapes: [undefined],
  isSparse: [false],
};
const role = "training";

/** Batches of one row, with the number of the batch as its value. */
function* counted(count: number) {
  for (let i = 0; i < count; i++) {
    yield { xs: tf.tensor2d([[i]]), ys: tf.tensor2d([[i]]), other: tf.scalar(i) };
  }
}

async function read(batches: BatchIterator): Promise<number[]> {
  const seen: number[] = [];
  for (let batch = await batches.next(); batch !== null; batch = await batches.next()) {
    seen.push(batch.xs[0].dataSync()[0]);
    batch.dispose();
  }
  await batches.close();
  return seen;
}

describe("datasetSource", () => {
  it("datasetSource starts an epoch at any batch, and disposes the batches before it", async () => {
    const left = await tensorsLeft(async () => {
      const source = datasetSource(getEngine(), signature, () => counted(4), { role });
      for (const firstBatch of [0, 1, 3]) {
        const seen = await read(source.epoch({ epoch: 1, firstBatch }));
        assert.deepEqual(seen, [0, 1, 2, 3].slice(firstBatch));
      }
      await source.close();
    });
    assert.equal(left, 0);
  });

  it("datasetSource counts skipped batches as steps of an epoch, and continues in the next epoch", async () => {
    const options = { role, steps: 3, wraps: true };
    const source = datasetSource(getEngine(), signature, () => counted(6), options);
    assert.deepEqual(await read(source.epoch({ epoch: 2, firstBatch: 2 })), [2]);
    assert.deepEqual(await read(source.epoch({ epoch: 3 })), [3, 4, 5]);
    await source.close();
  });

  it("datasetSource ends the epoch when the dataset ends among the skipped batches", async () => {
    const source = datasetSource(getEngine(), signature, () => counted(2), { role });
    let seen: number[] = [];
    let left = 0;
    await warned(async () => {
      left = await tensorsLeft(async () => {
        seen = await read(source.epoch({ epoch: 0, firstBatch: 3 }));
      });
    });
    assert.deepEqual(seen, []);
    assert.equal(left, 0);
  });
});
