import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fingerprintOf } from "./fingerprint.ts";

function print(layers: tf.layers.Layer[], input: number[] = [6]): string {
  const start = tf.input({ shape: input });
  let end = start;
  for (const layer of layers) end = layer.apply(end) as tf.SymbolicTensor;
  return fingerprintOf(tf.engine(), tf.model({ inputs: start, outputs: end }));
}

describe("fingerprintOf", () => {
  it("fingerprintOf returns the same text for equal models", () => {
    const makes: (() => string)[] = [
      () => print([tf.layers.dense({ units: 3, activation: "relu" })]),
      () => print([tf.layers.lstm({ units: 2 })], [3, 4]),
      () => print([tf.layers.bidirectional({ layer: tf.layers.gru({ units: 2 }) })], [3, 4]),
      () => print([tf.layers.dense({ units: 2, kernelRegularizer: "l1l2" })]),
      () => print([tf.layers.batchNormalization()]),
    ];
    for (const make of makes) assert.equal(make(), make());
  });

  it("fingerprintOf returns another text for other sizes, settings, activations, classes and connections", () => {
    class Own extends tf.layers.Layer {
      static className = "Dropout";
      rate = 0.1;
    }
    const { dense } = tf.layers;
    const shared = dense({ units: 6 });
    const cell = (dropout: number) => [tf.layers.lstm({ units: 2, dropout })];
    const frozen = () => {
      const layer = tf.layers.batchNormalization();
      layer.trainable = false;
      return layer;
    };
    const texts = [
      print([dense({ units: 3 })]),
      print([dense({ units: 4 })]),
      print([dense({ units: 3 })], [7]),
      print([dense({ units: 3, useBias: false })]),
      print([dense({ units: 3, activation: "relu" })]),
      print([dense({ units: 3, activation: "elu" })]),
      print([dense({ units: 3, kernelRegularizer: "l1l2" })]),
      print([dense({ units: 6 }), dense({ units: 6 })]),
      print([shared, shared]),
      print([tf.layers.dropout({ rate: 0.1 })]),
      print([tf.layers.dropout({ rate: 0.2 })]),
      print([new Own({})]),
      print([Object.assign(new Own({}), { settings: { rates: [0.1, 0.2] } })]),
      print([Object.assign(new Own({}), { settings: { rates: [0.1, 0.3] } })]),
      print([tf.layers.batchNormalization()]),
      print([frozen()]),
      print([tf.layers.batchNormalization({ epsilon: 0.1 })]),
      print(cell(0), [3, 4]),
      print(cell(0.5), [3, 4]),
    ];
    assert.equal(new Set(texts).size, texts.length);
  });

  it("fingerprintOf returns another text once a class has another method, and for each layer with its own", () => {
    const layer = tf.layers.dense({ units: 3 });
    const make = () => print([tf.layers.dense({ units: 3 })]);
    const first = make();
    const dense = Object.getPrototypeOf(layer) as tf.layers.Layer & { added?: unknown };
    dense.added = () => {};
    assert.notEqual(make(), first);
    delete dense.added;
    const own = tf.layers.dense({ units: 3 });
    const before = make();
    own.computeMask = own.computeMask.bind(own);
    assert.notEqual(print([own]), before);
  });

  it("fingerprintOf returns another text for each model that computes on its own", () => {
    class Own extends tf.LayersModel {
      override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
        return [inputs].flat()[0];
      }
    }
    const make = () => {
      const input = tf.input({ shape: [2, 2] });
      const outputs = tf.layers.flatten().apply(input) as tf.SymbolicTensor;
      return new Own({ inputs: input, outputs, name: "own" });
    };
    const [one, two] = [make(), make()].map((model) => fingerprintOf(tf.engine(), model));
    assert.notEqual(one, two);
  });
});
