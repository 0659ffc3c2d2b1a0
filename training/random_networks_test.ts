import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { evaluate, fit, predict } from "keepfit";
import { useBackend } from "keepfit/backend";
import { createRandom, isLong, pick, type Random } from "../tests/seeded.ts";
import { seedWeights } from "../tfjs/plan/fixtures.ts";
import { furthest, tensorsLeft, weightsOf } from "./fixtures.ts";

/** Random networks of each backend. */
const count = isLong ? 300 : 40;
const rows = 13;

type Symbolic = tf.SymbolicTensor;

const { layers, regularizers, constraints } = tf;
const activations = ["linear", "relu", "tanh", "sigmoid", "softplus", "softmax", "swish"] as const;
const losses = [
  "meanSquaredError",
  "meanAbsoluteError",
  "categoricalCrossentropy",
  "sparseCategoricalCrossentropy",
  "binaryCrossentropy",
  "logcosh",
  (yTrue: tf.Tensor, yPred: tf.Tensor) => yTrue.sub(yPred).square(),
  (yTrue: tf.Tensor) => yTrue.mean(),
] as const;

/** Arguments of a layer with weights. */
function args(random: Random) {
  return {
    units: 1 + random(5),
    activation: pick(random, activations),
    useBias: random(4) > 0,
    kernelRegularizer: random(5) === 0 ? regularizers.l1l2({ l1: 0.01, l2: 0.02 }) : undefined,
    kernelConstraint: random(8) === 0 ? constraints.maxNorm({ maxValue: 1 }) : undefined,
    trainable: random(6) > 0,
  };
}

/** A layer that accepts a value of this rank, or of any. */
function someLayer(random: Random, rank: number): tf.layers.Layer {
  const { activation, ...recurrent } = args(random);
  const returnSequences = random(2) === 0;
  const cell = { ...recurrent, returnSequences, dropout: random(4) === 0 ? 0.3 : 0 };
  const any = [
    () => layers.dense(args(random)),
    () => layers.activation({ activation }),
    () => layers.dropout({ rate: 0.3 }),
    () => layers.gaussianNoise({ stddev: 0.2 }),
    () => layers.batchNormalization({ momentum: random(3) / 2 }),
    () => layers.layerNormalization(),
    () => layers.leakyReLU({ alpha: 0.2 }),
    () => layers.thresholdedReLU({ theta: 0.1 }),
  ];
  const sequences = [
    () => layers.lstm(cell),
    () => layers.gru(cell as Parameters<typeof layers.gru>[0]),
    () => layers.bidirectional({ layer: layers.simpleRNN(cell) as never, mergeMode: "concat" }),
    () => layers.conv1d({ filters: 3, kernelSize: 2, padding: "same", activation }),
    () => layers.masking({ maskValue: 0 }),
    () => layers.globalAveragePooling1d(),
    () => layers.timeDistributed({ layer: layers.dense(args(random)) }),
  ];
  return pick(random, rank === 3 ? [...any, ...sequences] : any)();
}

/** A compiled network of random layers, with several inputs and outputs. */
function network(seed: number): tf.LayersModel {
  const random = createRandom(seed);
  const inputs: Symbolic[] = [];
  const values: Symbolic[] = [];
  for (let i = 0; i <= random(2); i++) {
    const shape = random(2) === 0 ? [2 + random(4)] : [1 + random(3), 2 + random(3)];
    inputs.push(tf.input({ shape }));
    values.push(inputs[i]);
  }
  const used: tf.layers.Layer[] = [];
  for (let left = 2 + random(5); left > 0; left--) {
    const value = random(3) > 0 ? values.at(-1)! : pick(random, values);
    const equal = values.filter(({ shape }) => `${shape}` === `${value.shape}`);
    const shared = used.find(({ inputSpec, weights }) =>
      weights.length > 0 && inputSpec?.[0]?.axes?.[-1] === value.shape.at(-1)
    );
    if (random(5) === 0 && shared !== undefined) values.push(shared.apply(value) as Symbolic);
    else if (random(4) === 0) {
      const merge = pick(random, [layers.add, layers.multiply, layers.concatenate])();
      values.push(merge.apply([value, pick(random, equal)]) as Symbolic);
    } else {
      used.push(someLayer(random, value.shape.length));
      values.push(used.at(-1)!.apply(value) as Symbolic);
    }
  }
  const chosen = [values.at(-1)!, ...(random(2) === 0 ? [pick(random, values)] : [])];
  const compiled = chosen.map(() => pick(random, losses));
  const outputs = chosen.map((value, i) => {
    const isBinary = compiled[i] === "binaryCrossentropy";
    const activation = /ategorical/.test(String(compiled[i])) ? "softmax" : "sigmoid";
    const flat = value.shape.length > 2 ? layers.flatten().apply(value) : value;
    const units = isBinary ? 1 : 3;
    return layers.dense({ units, activation, name: `output${i}` }).apply(flat) as Symbolic;
  });
  const model = tf.model({ inputs, outputs });
  seedWeights(model);
  model.compile({
    optimizer: tf.train.momentum(0.05, 0.9),
    loss: compiled as unknown as string[],
    metrics: random(2) === 0 ? ["accuracy"] : [],
  });
  return model;
}

/** Inputs, targets and perhaps weights of rows. */
function data(seed: number, { inputs, outputs, loss }: tf.LayersModel) {
  const random = createRandom(seed + 1);
  const type = () => pick(random, ["float32", "float32", "int32"] as const);
  const numbers = (shape: number[], limit: number, dtype = type()) => {
    const size = shape.reduce((all, one) => all * one, 1);
    const some = Array.from({ length: size }, () => random(limit) - (limit >> 1));
    return tf.tensor(dtype === "int32" ? some : some.map((one) => one / 9), shape, dtype);
  };
  return {
    x: inputs.map(({ shape }) => numbers([rows, ...shape.slice(1)] as number[], 19)),
    y: outputs.map(({ shape }, i) => {
      const width = (loss as unknown[])[i] === "sparseCategoricalCrossentropy" ? 1 : shape[1]!;
      return numbers([rows, width], 2, "int32").add(1).cast(type()) as tf.Tensor;
    }),
    sampleWeight: random(3) === 0
      ? outputs.map(() => numbers([rows], 9, "float32").abs() as tf.Tensor)
      : undefined,
    batchSize: 1 + random(8),
  };
}

for (const backend of ["cpu", "wasm"] as const) {
  describe(`Random networks on ${backend}`, () => {
    before(() => useBackend(tf, backend));
    after(() => useBackend(tf, "cpu"));

    it(`Random networks on ${backend} compute the same compiled and not, and leave no tensors`, async (t) => {
      const warned: string[] = [];
      t.mock.method(console, "warn", (text: string) => void warned.push(text));
      let trained = 0;
      for (let seed = 0; seed < count; seed++) {
        const made = [network(seed), network(seed)];
        const { x, y, batchSize, sampleWeight } = data(seed, made[0]);
        const results = [];
        for (const [i, jitCompile] of (["auto", false] as const).entries()) {
          const common = { batchSize, verbose: 0, jitCompile } as const;
          let numbers: number[] = [];
          const run = async () => {
            const { history } = await fit(made[i], x, y, { ...common, sampleWeight, seed });
            const values = await evaluate(made[i], x, y, { ...common, sampleWeight });
            const predicted = [await predict(made[i], x, common)].flat() as tf.Tensor[];
            numbers = [...Object.values(history).flat(), ...Object.values(values)]
              .concat(predicted.flatMap((one) => [...one.dataSync()]), weightsOf(made[i]));
            tf.dispose(predicted);
          };
          // The first run also creates the slots of the optimizer, and masks that cells keep.
          await tensorsLeft(run);
          const left = await tensorsLeft(run);
          assert.equal(left, 0, `${backend}, seed ${seed}: ${left} tensors left`);
          results.push(numbers);
        }
        const [own, theirs] = results;
        // TensorFlow.js cannot train a few, such as one whose loss depends on no weight.
        if (theirs.length > 0) trained++;
        const distance = furthest(own, theirs);
        assert.ok(distance < 1e-3, `${backend}, seed ${seed}: they differ by ${distance}`);
        tf.dispose([x, y, sampleWeight ?? []]);
        for (const one of made) one.dispose();
      }
      assert.ok(trained > count * 0.8, `only ${trained} of ${count} networks are trained`);
      assert.deepEqual(warned.filter((text) => text.includes("is not used")), []);
    });
  });
}
