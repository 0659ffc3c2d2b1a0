import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { matchNames, namesInFile, weightNames } from "./weight_names.ts";

const dense = (name?: string) =>
  tf.layers.dense({ units: 2, inputShape: [2], useBias: false, name });
const encoder = (name: string) => tf.sequential({ name, layers: [dense("d")] });

describe("weightNames", () => {
  it("weightNames names weights by the path of their layer, even if some are frozen", () => {
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

  it("weightNames numbers unnamed layers within the model, not within the process", () => {
    const make = () => tf.sequential({ layers: [dense(), encoder("e"), dense()] });
    const [one, two] = [make(), make()];
    assert.deepEqual(weightNames(one), weightNames(two));
    two.layers[0].trainable = false;
    assert.deepEqual((weightNames(two) as string[]).sort(), (weightNames(one) as string[]).sort());
    assert.notDeepEqual(weightNames(two), weightNames(one));
  });

  it("weightNames distinguishes the halves of a bidirectional layer", () => {
    const layer = tf.layers.lstm({ units: 2 }) as tf.RNN;
    const model = tf.sequential({
      layers: [tf.layers.bidirectional({ layer, inputShape: [3, 2], mergeMode: "concat" })],
    });
    const names = weightNames(model) as string[];
    assert.equal(new Set(names).size, 6);
  });

  it("weightNames returns nothing for a model of another library", () => {
    assert.equal(weightNames({ getWeights: () => [] }), undefined);
    assert.equal(weightNames({ layers: [], weights: [{}] }), undefined);
  });
});

describe("namesInFile", () => {
  it("namesInFile keeps TensorFlow.js's names, and uses the path for duplicates", () => {
    const model = tf.sequential({ layers: [encoder("left"), encoder("right"), dense("head")] });
    assert.deepEqual(namesInFile(model), ["left/d/kernel", "right/d/kernel", "head/kernel"]);
    const single = tf.sequential({ layers: [encoder("left"), dense("head")] });
    assert.deepEqual(namesInFile(single), ["d/kernel", "head/kernel"]);
  });
});

describe("matchNames", () => {
  it("matchNames matches equal names at any position", () => {
    assert.deepEqual(matchNames(["b/k", "a/k"], ["a/k", "b/k"]), [1, 0]);
  });

  it("matchNames matches unnamed layers by order of creation", () => {
    // The first of them was frozen when it was saved, so it comes last.
    const saved = ["dense_Dense2/kernel", "dense_Dense10/kernel", "dense_Dense1/kernel"];
    const present = ["dense_Dense11/kernel", "dense_Dense12/kernel", "dense_Dense13/kernel"];
    assert.deepEqual(matchNames(saved, present), [2, 0, 1]);
  });

  it("matchNames returns -1 for a missing layer", () => {
    assert.deepEqual(matchNames(["conv2/k"], ["conv1/k", "conv2/k"]), [-1, 0]);
  });
});
