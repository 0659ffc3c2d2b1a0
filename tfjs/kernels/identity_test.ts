import * as tf from "@tensorflow/tfjs";
import { after, describe, it } from "node:test";
import assert from "node:assert/strict";
import { sameGradients, seeded, start, values } from "./fixtures.ts";

describe("A clone on wasm", () => {
  after(() => tf.setBackend("cpu"));

  it("A clone on wasm has the values and gradients of cpu", async () => {
    const input = { shape: [3, 4], values: values([3, 4], seeded(1)) };
    await sameGradients("clone", [input], (x) => tf.mul(x.clone(), x));
  });

  it("A clone on wasm shares the values of the tensor until both are disposed", async () => {
    await start("wasm");
    const before = tf.backend().numDataIds();
    const x = tf.tensor1d([1, 2, 3], "int32");
    const clone = x.clone();
    assert.equal(tf.backend().numDataIds(), before + 1);
    x.dispose();
    assert.deepEqual(Array.from(clone.dataSync()), [1, 2, 3]);
    clone.dispose();
    assert.equal(tf.backend().numDataIds(), before);
  });

  it("A clone on wasm keeps its values when its variable changes, or the backend does", async () => {
    await start("wasm");
    const variable = tf.variable(tf.tensor1d([1, 2]));
    const clone = variable.clone();
    variable.assign(tf.tensor1d([3, 4]));
    await start("cpu");
    const moved = clone.add(0);
    await start("wasm");
    assert.deepEqual(Array.from(moved.dataSync()), [1, 2]);
    assert.deepEqual(Array.from(clone.dataSync()), [1, 2]);
    assert.deepEqual(Array.from(variable.dataSync()), [3, 4]);
    tf.dispose([variable, clone, moved]);
  });

  it("A clone on wasm may contain text", async () => {
    await start("wasm");
    const x = tf.tensor1d(["a", "b"]);
    const clone = x.clone();
    x.dispose();
    assert.deepEqual(clone.dataSync(), ["a", "b"]);
    clone.dispose();
  });
});
