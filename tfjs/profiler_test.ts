import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { KernelRecorder } from "./profiler.ts";

await tf.setBackend("cpu");

describe("KernelRecorder", () => {
  it("KernelRecorder records each kernel with its shapes, in order of start", async () => {
    const [a, b] = [tf.ones([2, 3]), tf.ones([3, 4])];
    const recorder = new KernelRecorder();
    tf.tidy(() => a.matMul(b as tf.Tensor2D).relu());
    recorder.stop();
    const { backend, kernels } = await recorder.recording();
    assert.equal(backend, "cpu");
    const outer = kernels.filter(({ name }) => ["BatchMatMul", "Relu"].includes(name));
    assert.deepEqual(outer.map(({ name }) => name), ["BatchMatMul", "Relu"]);
    assert.deepEqual(outer[1].inputShapes, [[2, 4]]);
    assert.deepEqual(outer[1].outputShapes, [[2, 4]]);
    assert.ok(kernels.every(({ start }, i) => i === 0 || start >= kernels[i - 1].start));
    assert.ok(kernels.every(({ millis, hostMillis }) => millis >= 0 && hostMillis >= 0));
    tf.dispose([a, b]);
  });

  it("KernelRecorder subtracts the time of a nested kernel from the outer one", async () => {
    const square = tf.customGrad((x) => ({
      value: (x as tf.Tensor2D).matMul(x as tf.Tensor2D),
      gradFunc: (dy) => dy,
    }));
    const recorder = new KernelRecorder();
    tf.tidy(() => square(tf.ones([100, 100])));
    recorder.stop();
    const { kernels } = await recorder.recording();
    assert.deepEqual((await recorder.recording()).kernels, kernels);
    const at = kernels.findIndex(({ name }) => name === "BatchMatMul");
    const [outer, inner] = kernels.slice(at - 1);
    assert.ok(inner.start >= outer.start);
    assert.ok(inner.millis > 0);
    assert.ok(outer.millis + inner.millis <= outer.hostMillis);
  });

  it("KernelRecorder records the given batches", async () => {
    const recorder = new KernelRecorder();
    recorder.beginBatch(4);
    recorder.endBatch();
    recorder.stop();
    const { batches } = await recorder.recording();
    assert.deepEqual(batches.map(({ batch }) => batch), [4]);
  });

  it("KernelRecorder records the peak memory", async () => {
    const recorder = new KernelRecorder();
    tf.tidy(() => void tf.ones([100, 100]).square());
    recorder.stop();
    assert.ok((await recorder.recording()).peakBytes >= 2 * 4 * 100 * 100);
  });

  it("KernelRecorder restores TensorFlow.js", async () => {
    const before = tf.memory().numTensors;
    const recorder = new KernelRecorder();
    tf.tidy(() => void tf.ones([2]).square());
    recorder.stop();
    recorder.stop();
    const { length } = (await recorder.recording()).kernels;
    const profile = await tf.profile(() => void tf.tidy(() => void tf.ones([2]).square()));
    assert.deepEqual(profile.kernelNames, ["Square"]);
    assert.equal((await recorder.recording()).kernels.length, length);
    assert.equal(tf.memory().numTensors, before);
  });

  it("KernelRecorder does not disturb another profiler", async () => {
    await tf.profile(() => {
      assert.throws(() => new KernelRecorder(), /already being profiled/);
    });
  });
});
