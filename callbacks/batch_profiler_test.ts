import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import type { CallbackLike } from "../core/callback.ts";
import { textOf, World } from "../tests/tensorboard_fixtures.ts";
import { captured } from "./fixtures.ts";

/** A batch or a kernel in a trace; times in microseconds. */
interface Slice {
  cat: string;
  name: string;
  ts: number;
  dur: number;
}

describe("TensorBoard's profile", () => {
  it("TensorBoard's profile contains the kernels of the chosen batches", async () => {
    const world = new World({ profileBatch: "2,4" });
    await world.fit();
    const [path] = await world.files(".trace.json");
    const slices: Slice[] = JSON.parse(await world.fs.readTextFile(path)).traceEvents;
    const batches = slices.filter(({ cat }) => cat === "batch");
    assert.deepEqual(batches.map(({ name }) => name), ["batch 2", "batch 3", "batch 4"]);
    const relus = slices.filter(({ name }) => name === "Relu");
    assert.equal(relus.length, 3);
    relus.forEach(({ ts, dur }, i) => {
      assert.ok(batches[i].ts <= ts && ts + dur <= batches[i].ts + batches[i].dur);
    });
    const table = (await world.summaries("train")).find(({ tag }) => tag === "batch_4");
    assert.equal(table?.step, 4);
    assert.match(textOf(table?.tensor?.values[0]), /\| Relu \| 3 \|/);
    assert.deepEqual(await world.steps("train", "profile_kernel_ms"), [4]);
    const [[, bytes]] = await world.scalars("train", "profile_peak_bytes");
    assert.ok(bytes > 0);
  });

  it("TensorBoard's profile is written when training ends before its last batch", async () => {
    const world = new World({ profileBatch: [9, 50] });
    await world.fit();
    assert.deepEqual((await world.tags("text")).slice(0, 1), ["T batch_10"]);
  });

  it("TensorBoard's profile is disabled by 0, which needs no batch hooks", async () => {
    const world = new World({ profileBatch: 0 });
    await world.fit();
    assert.deepEqual(await world.files(".trace.json"), []);
    assert.equal(world.callback.onTrainBatchEnd, undefined);
  });

  it("TensorBoard's profile restores TensorFlow.js when the run fails within it", async () => {
    const world = new World({ profileBatch: [1, 50] });
    const failing: CallbackLike = {
      onTrainBatchEnd() {
        throw new Error("enough");
      },
    };
    await assert.rejects(world.fit({ callbacks: [failing] }), /enough/);
    const { state } = tf.engine() as unknown as { state: { profiling: boolean } };
    assert.equal(state.profiling, false);
  });

  it("TensorBoard's profile does not end a run in which TensorFlow.js is already being profiled", async () => {
    const world = new World({ profileBatch: [1, 3] });
    const { warned } = await captured(() => tf.profile(() => world.fit()));
    assert.equal(warned.length, 1);
    assert.match(
      warned[0],
      /TensorBoard cannot profile batch 1: TensorFlow.js is already being profiled/,
    );
    assert.deepEqual(await world.tags("scalars"), ["T epoch_learning_rate", "T epoch_loss"]);
  });
});
