import * as tf from "@tensorflow/tfjs";
import { after, describe, it } from "node:test";
import assert from "node:assert/strict";
import { sameGradients, seeded, start, values } from "./fixtures.ts";

describe("a clone on wasm", () => {
  after(() => tf.setBackend("cpu"));

  it("has the values and gradients of cpu", async () => {
    const input = { shape: [3, 4], values: values([3, 4], seeded(1)) };
    await sameGradients("clone", [input], (x) => tf.mul(x.clone(), x));
  });

  it("has the values of the tensor itself, until the last of both is disposed", async () => {
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

  it("keeps its values when the variable that it was made of changes, or the backend does", async () => {
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

  it("may be of text", async () => {
    await start("wasm");
    const x = tf.tensor1d(["a", "b"]);
    const clone = x.clone();
    x.dispose();
    assert.deepEqual(clone.dataSync(), ["a", "b"]);
    clone.dispose();
  });
});
