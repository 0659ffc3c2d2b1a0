import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  accumulateGradients,
  clipGradients,
  EarlyStopping,
  exponentialMovingAverage,
  fit,
} from "keepfit";
import { useBackend } from "keepfit/backend";
import { AdamW } from "../optimizer_fixtures.ts";
import { type InternalOptimizer, optimizerClassOf } from "../optimizers.ts";
import { namedGradients, updateOf } from "../update.ts";
import { bitsOf, kernelsOf, makers, numbers, stateOf } from "./fixtures.ts";

/** Optimizers whose averages decay, with any rounding. */
const decaying: Record<string, () => tf.Optimizer> = {
  Adam: () => tf.train.adam(0.001),
  "Adam, slowly": () => tf.train.adam(0.1, 0.99, 0.999),
  "Adam that keeps an average": () => tf.train.adam(0.1, 1),
  "Adam with a growing average": () => tf.train.adam(0.1, 1.1),
  "Adam without epsilon": () => tf.train.adam(0.1, 0.9, 0.999, 0),
  "Adam without rate": () => tf.train.adam(0),
  Adamax: () => tf.train.adamax(0.001),
  "Adamax without epsilon": () => tf.train.adamax(0.1, 0.9, 0.999, 0),
  "Adamax with an epsilon that rounds to 0": () => tf.train.adamax(0.1, 0.9, 0.999, 1e-50),
  RMSProp: () => tf.train.rmsprop(0.01),
  "RMSProp, centered": () => tf.train.rmsprop(0.01, 0.9, 0, undefined, true),
  "RMSProp, slowly, with momentum": () => tf.train.rmsprop(0.01, 0.99, 0.9),
  "RMSProp without epsilon": () => tf.train.rmsprop(0.01, 0.9, 0, 0),
};

for (const backend of ["cpu", "wasm"] as const) {
  describe(`A fused update on ${backend}`, () => {
    before(() => useBackend(tf, backend));
    after(() => useBackend(tf, "cpu"));

    for (const [name, make] of Object.entries(makers)) {
      it(`A fused update is bit-identical to TensorFlow.js's ${name}`, async () => {
        const tensorsBefore = tf.memory().numTensors;
        // More than one chunk, a rest of three, one number, none.
        const sizes = name === "Adam" ? [100_003, 7, 1, 0] : [20_003, 7, 1, 0];
        const [ours, theirs] = [make(), make()];
        const variables = [ours, theirs].map(() =>
          sizes.map((size, i) => tf.tidy(() => tf.variable(tf.tensor1d(numbers(size, i + 1)))))
        );
        const update = updateOf(ours);
        for (let step = 0; step < 6; step++) {
          const gradients = sizes.map((size, i) => tf.tensor1d(numbers(size, 100 + 10 * step + i)));
          const given = variables.map((list) =>
            list.map((variable, i) => ({ name: variable.name, tensor: gradients[i] }))
          );
          // A variable may have no gradient in a step.
          if (step === 3) { for (const one of given) one[1].tensor = undefined as never; }
          const kernels = kernelsOf(() => update(given[0]));
          if (step > 1) assert.equal(kernels, 0, "TensorFlow.js was not needed");
          theirs.applyGradients(given[1]);
          tf.dispose(gradients);
          assert.deepEqual(await stateOf(ours, variables[0]), await stateOf(theirs, variables[1]));
        }
        for (const one of variables.flat()) one.dispose();
        ours.dispose();
        theirs.dispose();
        assert(tf.memory().numTensors <= tensorsBefore + 8, "what tfjs keeps of its scalars");
      });
    }

    for (const [name, make] of Object.entries(decaying)) {
      it(`A fused update is bit-identical where averages are stuck at subnormal numbers: ${name}`, async () => {
        const weights = [
          0,
          -0,
          1,
          -0.5,
          1e-6,
          -1e-20,
          3e-27,
          2 ** -100,
          1e-36,
          1e-45,
          Infinity,
          NaN,
        ];
        const averages = [...Array(12).keys()].flatMap((n) => [n * 2 ** -149, -n * 2 ** -149]);
        const gradients = [0, 0, 0, -0, 1e-45, 1e-20, 0.1];
        const pairs = weights.flatMap((weight) => averages.map((average) => [weight, average]));
        const all = pairs.flatMap((pair) => gradients.map((gradient) => [...pair, gradient]));
        const [w, m, g] = [0, 1, 2].map((i) => tf.tensor1d(all.map((values) => values[i])));
        const states = [];
        for (const isFused of [true, false]) {
          const optimizer = make() as InternalOptimizer;
          const variable = tf.tidy(() => tf.variable(tf.ones([all.length])));
          const update = isFused ? updateOf(optimizer) : optimizer.applyGradients.bind(optimizer);
          const given = [{ name: variable.name, tensor: g }];
          for (let step = 0; step < 3; step++) update(given);
          variable.assign(w);
          for (const field of optimizerClassOf(optimizer)?.slots ?? []) {
            for (const slot of optimizer[field] ?? []) slot.variable.assign(m);
          }
          for (const power of [optimizer.accBeta1, optimizer.accBeta2]) {
            power?.assign(tf.scalar(1e-9));
          }
          for (let step = 0; step < 3; step++) {
            if (isFused) assert.equal(kernelsOf(() => update(given)), 0);
            else update(given);
          }
          states.push(await stateOf(optimizer, [variable]));
          variable.dispose();
          optimizer.dispose();
        }
        assert.deepEqual(states[0], states[1]);
        tf.dispose([w, m, g]);
      });
    }

    it("A fused update changes no clone, no array that was read and no tensor that a variable was created from", () => {
      const optimizer = tf.train.adam(0.1);
      const internals = optimizer as unknown as {
        accumulatedFirstMoment: { variable: tf.Tensor }[];
        accBeta1: tf.Tensor;
      };
      const update = updateOf(optimizer);
      const initial = tf.tensor1d([1, 2, 3]);
      const [one, two] = [tf.variable(initial), tf.variable(initial)];
      const step = () =>
        tf.tidy(() =>
          update([one, two].map(({ name }) => ({ name, tensor: tf.tensor1d([1, -1, 0.5]) })))
        );
      for (let i = 0; i < 4; i++) {
        const kept = one.clone();
        // On cpu it is a view of the values.
        const part = one.slice([1]);
        const moment = internals.accumulatedFirstMoment[0]?.variable;
        const keptMoment = moment?.clone();
        const keptPower = internals.accBeta1.clone();
        const arrays = [one, moment, internals.accBeta1].map((tensor) => tensor?.dataSync());
        const copies = arrays.map((array) => array?.slice());
        step();
        assert.deepEqual(arrays, copies);
        assert.deepEqual(kept.dataSync(), copies[0]);
        assert.deepEqual(part.dataSync(), copies[0].subarray(1));
        if (keptMoment) assert.deepEqual(keptMoment.dataSync(), copies[1]);
        assert.deepEqual(keptPower.dataSync(), copies[2]);
        assert.notDeepEqual(one.dataSync(), copies[0]);
        assert.notDeepEqual(internals.accBeta1.dataSync(), copies[2]);
        tf.dispose([kept, part, keptMoment ?? [], keptPower]);
        step();
        // Read after an update that could overwrite the array.
        const [read, copy] = [two.dataSync(), two.dataSync().slice()];
        step();
        assert.deepEqual(read, copy);
      }
      assert.deepEqual([...initial.dataSync()], [1, 2, 3]);
      assert.deepEqual(one.dataSync(), two.dataSync());
      tf.dispose([initial, one, two]);
      optimizer.dispose();
    });

    it("A fused update reaches products and convolutions, which cache a packed copy of a weight on wasm", () => {
      const optimizer = tf.train.sgd(0.5);
      const update = updateOf(optimizer);
      const filter = tf.variable(tf.ones<tf.Rank.R4>([2, 2, 1, 2]));
      const matrix = tf.variable(tf.ones<tf.Rank.R2>([3, 2]));
      const bias = tf.variable(tf.ones<tf.Rank.R1>([2]));
      const [image, row] = [tf.ones<tf.Rank.R4>([1, 3, 3, 1]), tf.ones<tf.Rank.R2>([2, 3])];
      for (let step = 1; step < 5; step++) {
        tf.tidy(() => {
          update(
            [filter, matrix, bias].map(({ name, shape }) => ({ name, tensor: tf.ones(shape) })),
          );
          const value = 1 - step / 2;
          const results = [
            tf.fused.conv2d({ x: image, filter, strides: 1, pad: "valid", bias }),
            tf.fused.matMul({ a: row, b: matrix, bias }),
            tf.matMul(row, matrix),
          ];
          assert.deepEqual(
            results.map((one) => [...new Set(one.dataSync())]),
            [[5 * value], [4 * value], [3 * value]],
          );
        });
      }
      tf.dispose([filter, matrix, bias, image, row]);
      optimizer.dispose();
    });

    it("A fused update is correct within clipping, accumulation and a moving average", async () => {
      const wrap = (optimizer: tf.Optimizer) =>
        exponentialMovingAverage(
          accumulateGradients(clipGradients(optimizer, { globalClipNorm: 0.01 }), 2),
          { momentum: 0.5 },
        );
      const [ours, theirs] = [wrap(tf.train.adam(0.1)), wrap(tf.train.adam(0.1))];
      // Watched, every update is TensorFlow.js's own.
      const watched = (run: () => void) => tf.profile(() => run() as never);
      const variables = [ours, theirs].map(() => tf.variable(tf.tensor1d([1, 2, 3])));
      for (let i = 0; i < 10; i++) {
        const gradient = tf.tensor1d([i, -1, 1 / (i + 1)]);
        updateOf(ours)([{ name: variables[0].name, tensor: gradient }]);
        await watched(() => updateOf(theirs)([{ name: variables[1].name, tensor: gradient }]));
        gradient.dispose();
      }
      assert.equal(ours.iterations, 5);
      assert.deepEqual(variables[0].dataSync(), variables[1].dataSync());
      const averages = await Promise.all(
        [ours, theirs].map(async ({ movingAverage }) =>
          (await movingAverage.getState()).map(({ values }) => values)
        ),
      );
      assert.deepEqual(averages[0], averages[1]);
    });

    it("A fused update is not used for an optimizer whose class overrides it", () => {
      /** Has the name and the fields of TensorFlow.js's. */
      class OtherSGD extends tf.SGDOptimizer {
        static override get className(): string {
          return "SGD";
        }
        override applyGradients(gradients: Parameters<tf.Optimizer["applyGradients"]>[0]): void {
          for (const { name, tensor } of namedGradients(gradients)) {
            const variable = tf.engine().registeredVariables[name];
            tf.tidy(() => variable.assign(variable.sub(tensor.mul(2))));
          }
          this.incrementIterations();
        }
      }
      for (const make of [() => new OtherSGD(0.1), () => new AdamW(0.1, 0.9, 0.999)]) {
        const [ours, theirs] = [make(), make()];
        const variables = [1, 2].map(() => tf.variable(tf.tensor1d([1, 2, 3])));
        for (let i = 0; i < 5; i++) {
          const tensor = tf.tensor1d([1, -2, 0.5]);
          updateOf(ours)([{ name: variables[0].name, tensor }]);
          theirs.applyGradients([{ name: variables[1].name, tensor }]);
          tensor.dispose();
        }
        assert.deepEqual(variables[0].dataSync(), variables[1].dataSync());
        assert.equal(ours.iterations, 5);
        tf.dispose(variables);
      }
    });

    it("A fused update lets EarlyStopping restore the weights of the best epoch", async () => {
      const layer = tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "zeros" });
      const model = tf.sequential({ layers: [layer] });
      model.compile({ optimizer: tf.train.rmsprop(0.1), loss: "meanSquaredError" });
      const seen: number[][] = [];
      const stopping = new EarlyStopping({
        monitor: "score",
        mode: "max",
        patience: 3,
        restoreBestWeights: true,
      });
      const scored = {
        onEpochEnd(epoch: number, logs: Record<string, number>) {
          logs.score = epoch === 2 ? 1 : 0;
          seen.push(layer.getWeights().flatMap(bitsOf));
        },
      };
      const [x, y] = [tf.ones([6, 1]), tf.ones([6, 1])];
      const callbacks = [scored, stopping];
      await fit(model, x, y, { epochs: 9, batchSize: 2, verbose: 0, callbacks });
      assert.equal(seen.length, 6);
      assert.notDeepEqual(seen[2], seen[5]);
      assert.deepEqual(layer.getWeights().flatMap(bitsOf), seen[2]);
    });

    it("A fused update continues after the memory of the backend has grown", () => {
      const [ours, theirs] = [tf.train.adam(0.1), tf.train.adam(0.1)];
      const variables = [1, 2].map(() => tf.variable(tf.tensor1d([1, 2, 3])));
      for (let step = 0; step < 5; step++) {
        const large = tf.zeros([1 << 22]);
        const gradient = tf.tensor1d([step, -1, 0.5]);
        updateOf(ours)([{ name: variables[0].name, tensor: gradient }]);
        theirs.applyGradients([{ name: variables[1].name, tensor: gradient }]);
        assert.deepEqual(variables[0].dataSync(), variables[1].dataSync());
        gradient.dispose();
        if (step === 4) large.dispose();
      }
      tf.dispose(variables);
    });

    it("A fused update trains a model to the same weights as TensorFlow.js, with any rate", async () => {
      const build = () => {
        const model = tf.sequential();
        model.add(
          tf.layers.dense({
            units: 5,
            inputShape: [3],
            activation: "tanh",
            kernelInitializer: "ones",
          }),
        );
        model.add(tf.layers.dense({ units: 1, kernelInitializer: "ones" }));
        model.compile({ optimizer: tf.train.momentum(0.05, 0.9, true), loss: "meanSquaredError" });
        return model;
      };
      const [ours, theirs] = [build(), build()];
      const x = tf.tensor2d(
        Array.from({ length: 20 }, (_, i) => [i / 20, (i % 3) / 3, 1 - i / 30]),
      );
      const y = tf.tensor2d(Array.from({ length: 20 }, (_, i) => [Math.sin(i)]));
      for (const rate of [0.05, 0.01]) {
        for (const { optimizer } of [ours, theirs]) {
          (optimizer as tf.SGDOptimizer).setLearningRate(rate);
        }
        const options = { epochs: 3, batchSize: 8, shuffle: false, verbose: 0 } as const;
        await fit(ours, x, y, { ...options, jitCompile: false });
        await theirs.fit(x, y, options);
      }
      assert.deepEqual(ours.getWeights().map(bitsOf), theirs.getWeights().map(bitsOf));
    });
  });
}

describe("A fused update on wasm with threads", () => {
  after(() => useBackend(tf, "cpu"));

  it("A fused update works on the memory that threads share", async () => {
    await useBackend(tf, "wasm", { threads: 2 });
    const [ours, theirs] = [tf.train.adam(0.1), tf.train.adam(0.1)];
    const variables = [1, 2].map(() => tf.variable(tf.tensor1d(numbers(103, 1))));
    for (let step = 0; step < 5; step++) {
      const tensor = tf.tensor1d(numbers(103, 2 + step));
      const kernels = kernelsOf(() => updateOf(ours)([{ name: variables[0].name, tensor }]));
      if (step > 1) assert.equal(kernels, 0, "TensorFlow.js was not needed");
      theirs.applyGradients([{ name: variables[1].name, tensor }]);
      tensor.dispose();
    }
    assert.deepEqual(bitsOf(variables[0]), bitsOf(variables[1]));
    tf.dispose(variables);
    await useBackend(tf, "wasm", { threads: 1 });
  });
});
