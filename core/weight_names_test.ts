import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { matchNames, namesInFile, weightNames } from "./weight_names.ts";

const dense = (name?: string) =>
  tf.layers.dense({ units: 2, inputShape: [2], useBias: false, name });
const encoder = (name: string) => tf.sequential({ name, layers: [dense("d")] });

describe("weightNames", () => {
  it("names weights by the path of their layer, whichever are frozen", () => {
    const model = tf.sequential({
      layers: [encoder("left"), encoder("right"), dense("head"), tf.layers.batchNormalization()],
    });
    const before = weightNames(model) as string[];
    assert.deepEqual(before.slice(0, 3), ["left/d/kernel", "right/d/kernel", "head/kernel"]);
    const named = new Map(before.map((name, i) => [name, model.weights[i]]));
    model.layers[0].trainable = false;
    const after = weightNames(model) as string[];
    assert.deepEqual(after.slice(0, 2), ["right/d/kernel", "head/kernel"]);
    after.forEach((name, i) => assert.equal(named.get(name), model.weights[i]));
  });

  it("counts unnamed layers within the model, not within the process", () => {
    const make = () => tf.sequential({ layers: [dense(), encoder("e"), dense()] });
    const [one, two] = [make(), make()];
    assert.deepEqual(weightNames(one), weightNames(two));
    two.layers[0].trainable = false;
    assert.deepEqual((weightNames(two) as string[]).sort(), (weightNames(one) as string[]).sort());
    assert.notDeepEqual(weightNames(two), weightNames(one));
  });

  it("tells the halves of a bidirectional layer apart", () => {
    const layer = tf.layers.lstm({ units: 2 }) as tf.RNN;
    const model = tf.sequential({
      layers: [tf.layers.bidirectional({ layer, inputShape: [3, 2], mergeMode: "concat" })],
    });
    const names = weightNames(model) as string[];
    assert.equal(new Set(names).size, 6);
  });

  it("gives none to a model of another library", () => {
    assert.equal(weightNames({ getWeights: () => [] }), undefined);
    assert.equal(weightNames({ layers: [], weights: [{}] }), undefined);
  });
});

describe("namesInFile", () => {
  it("keeps TensorFlow.js's names, and takes the path where two are the same", () => {
    const model = tf.sequential({ layers: [encoder("left"), encoder("right"), dense("head")] });
    assert.deepEqual(namesInFile(model), ["left/d/kernel", "right/d/kernel", "head/kernel"]);
    const single = tf.sequential({ layers: [encoder("left"), dense("head")] });
    assert.deepEqual(namesInFile(single), ["d/kernel", "head/kernel"]);
  });
});

describe("matchNames", () => {
  it("matches equal names wherever they stand", () => {
    assert.deepEqual(matchNames(["b/k", "a/k"], ["a/k", "b/k"]), [1, 0]);
  });

  it("matches unnamed layers by the order in which they were made", () => {
    // The first of them was frozen when it was saved, so it stands last.
    const saved = ["dense_Dense2/kernel", "dense_Dense10/kernel", "dense_Dense1/kernel"];
    const present = ["dense_Dense11/kernel", "dense_Dense12/kernel", "dense_Dense13/kernel"];
    assert.deepEqual(matchNames(saved, present), [2, 0, 1]);
  });

  it("finds no place for a layer that is not there", () => {
    assert.deepEqual(matchNames(["conv2/k"], ["conv1/k", "conv2/k"]), [-1, 0]);
  });
});
