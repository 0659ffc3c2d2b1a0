import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { planAgrees, planThrows } from "../fixtures.ts";

const { layers } = tf;

type Merge = (of: tf.SymbolicTensor[]) => tf.SymbolicTensor;

const merges: Record<string, Merge> = {
  add: (of) => layers.add().apply(of) as tf.SymbolicTensor,
  average: (of) => layers.average().apply(of) as tf.SymbolicTensor,
  maximum: (of) => layers.maximum().apply(of) as tf.SymbolicTensor,
  minimum: (of) => layers.minimum().apply(of) as tf.SymbolicTensor,
  multiply: (of) => layers.multiply().apply(of) as tf.SymbolicTensor,
  concatenate: (of) => layers.concatenate().apply(of) as tf.SymbolicTensor,
};

const dense = (units: number, of: tf.SymbolicTensor) =>
  layers.dense({ units, activation: "tanh" }).apply(of) as tf.SymbolicTensor;

describe("A compiled merge layer", () => {
  for (const [name, merge] of Object.entries(merges)) {
    for (const [count, units, shape] of [[2, 5, [3]], [3, 8, [3]], [4, 3, [2, 3]]] as const) {
      it(`${name} of ${count} layers of ${units} units matches TensorFlow.js`, () =>
        planAgrees(name, () => {
          const inputs = tf.input({ shape: [...shape] });
          const parts = Array.from({ length: count }, () => dense(units, inputs));
          return tf.model({ inputs, outputs: dense(2, merge(parts)) });
        }));
    }

    it(`${name} of a value used twice and an input matches TensorFlow.js`, () =>
      planAgrees(name, () => {
        const inputs = [tf.input({ shape: [5] }), tf.input({ shape: [5] })];
        const part = dense(5, inputs[0]);
        const merged = merge([part, inputs[1], part]);
        return tf.model({ inputs, outputs: [dense(3, merged), dense(1, part)] });
      }));
  }

  for (
    const [axis, shapes] of [
      [1, [[2, 3, 2], [1, 3, 2], [4, 3, 2]]],
      [2, [[2, 3, 2], [2, 1, 2]]],
      [-1, [[2, 3, 5], [2, 3, 1], [2, 3, 3]]],
    ] as [number, number[][]][]
  ) {
    it(`concatenate along axis ${axis} of ${shapes.length} matches TensorFlow.js`, () =>
      planAgrees("concatenate", () => {
        const inputs = shapes.map((shape) => tf.input({ shape }));
        const parts = inputs.map((input, i) => i === 1 ? input : dense(input.shape.at(-1)!, input));
        const merged = layers.concatenate({ axis }).apply(parts) as tf.SymbolicTensor;
        return tf.model({ inputs, outputs: dense(3, merged) });
      }));
  }
});

describe("A compiled Dot", () => {
  for (
    const [first, second, axes] of [
      [[5], [5], 1],
      [[5], [5], -1],
      [[3, 4], [3, 5], 1],
      [[3, 4], [5, 4], 2],
      [[3, 4], [4, 9], [2, 1]],
      [[4, 3], [9, 4], [1, 2]],
      [[3, 4], [4], [2, 1]],
      [[4], [3, 4], [1, 2]],
      [[4], [4, 3], [1, 1]],
      [[1, 4], [4, 1], [2, 1]],
      [[4, 1], [1, 4], [1, 2]],
    ] as [number[], number[], number | [number, number]][]
  ) {
    it(`Dot of [${first}] and [${second}] along ${axes} matches TensorFlow.js`, () =>
      planAgrees("dot", () => {
        const inputs = [first, second].map((shape) => tf.input({ shape }));
        const parts = inputs.map((input) => dense(input.shape.at(-1)!, input));
        const outputs = layers.dot({ axes }).apply(parts) as tf.SymbolicTensor;
        return tf.model({ inputs, outputs: dense(2, outputs) });
      }));
  }

  it("Dot with normalize is not compiled", () =>
    planThrows(() => {
      const inputs = [tf.input({ shape: [3] }), tf.input({ shape: [3] })];
      const outputs = layers.dot({ axes: 1, normalize: true }).apply(inputs) as tf.SymbolicTensor;
      return tf.model({ inputs, outputs });
    }, /normalized dot/));
});

describe("A compiled merge of different shapes", () => {
  for (
    const [first, second] of [
      [[3, 4, 5], [1, 1, 5]],
      [[3, 4, 5], [3, 1, 1]],
      [[3, 1, 5], [1, 4, 5]],
      [[1, 5], [3, 4, 5]],
      [[5], [4, 5]],
      [[1], [6]],
      [[40, 30, 2], [2]],
    ]
  ) {
    for (const name of ["add", "average", "multiply"] as const) {
      it(`A merge ${name} of [${first}] and [${second}] matches TensorFlow.js`, () =>
        planAgrees(name, () => {
          const inputs = [first, second].map((shape) => tf.input({ shape }));
          const parts = inputs.map((input) => dense(input.shape.at(-1)!, input));
          const outputs = layers[name]().apply(parts) as tf.SymbolicTensor;
          return tf.model({ inputs, outputs: dense(2, outputs) });
        }));
    }
  }
});

describe("A compiled functional model", () => {
  it("A functional model with shared layers and a nested model of two outputs matches TensorFlow.js", () =>
    planAgrees("nested", () => {
      const inside = tf.input({ shape: [4] });
      const first = dense(6, inside);
      const inner = tf.model({ inputs: inside, outputs: [dense(3, first), dense(5, first)] });
      const inputs = [tf.input({ shape: [4] }), tf.input({ shape: [4] })];
      const shared = layers.dense({ units: 4, activation: "sigmoid" });
      const both = inputs.map((input) => shared.apply(input) as tf.SymbolicTensor);
      const [a, b] = inner.apply(both[0]) as tf.SymbolicTensor[];
      const [c, d] = inner.apply(both[1]) as tf.SymbolicTensor[];
      const merged = layers.concatenate().apply([
        layers.add().apply([a, c]) as tf.SymbolicTensor,
        b,
      ]);
      return tf.model({ inputs, outputs: [dense(2, merged as tf.SymbolicTensor), d] });
    }));

  it("A functional model with an unread output of a nested model matches TensorFlow.js", () =>
    planAgrees("half", () => {
      const inside = tf.input({ shape: [4] });
      const unread = layers.activation({ activation: "tanh" }).apply(inside) as tf.SymbolicTensor;
      const inner = tf.model({ inputs: inside, outputs: [unread, dense(5, inside)] });
      const inputs = tf.input({ shape: [4] });
      const [, read] = inner.apply(dense(4, inputs)) as tf.SymbolicTensor[];
      return tf.model({ inputs, outputs: dense(2, read) });
    }));

  it("A functional model with a frozen layer between trained ones matches TensorFlow.js", () =>
    planAgrees("frozen", () => {
      const inputs = tf.input({ shape: [4] });
      const below = dense(5, inputs);
      const frozen = layers.dense({ units: 5, trainable: false }).apply(below) as tf.SymbolicTensor;
      const outputs = dense(2, layers.multiply().apply([below, frozen]) as tf.SymbolicTensor);
      return tf.model({ inputs, outputs });
    }));
});

describe("A compiled Permute or RepeatVector", () => {
  for (
    const [shape, dims] of [
      [[3, 5], [2, 1]],
      [[2, 3, 4], [3, 1, 2]],
      [[2, 3, 4], [1, 3, 2]],
      [[7], [1]],
    ]
  ) {
    it(`Permute of [${shape}] to [${dims}] matches TensorFlow.js`, () =>
      planAgrees("permute", () =>
        tf.sequential({
          layers: [
            layers.dense({ units: shape.at(-1)!, inputShape: shape, activation: "tanh" }),
            layers.permute({ dims }),
            layers.dense({ units: 3 }),
          ],
        })));
  }

  for (const n of [1, 4]) {
    it(`RepeatVector with ${n} matches TensorFlow.js`, () =>
      planAgrees("repeatVector", () =>
        tf.sequential({
          layers: [
            layers.dense({ units: 5, inputShape: [3], activation: "tanh" }),
            layers.repeatVector({ n }),
            layers.dense({ units: 3, activation: "tanh" }),
          ],
        })));
  }
});
