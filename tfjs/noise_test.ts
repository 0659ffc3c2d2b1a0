import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { describeStep, fit } from "keepfit";
import { useBackend } from "keepfit/backend";
import { getEngine } from "./engine.ts";
import {
  applyNoise,
  dropLimit,
  dropoutFactors,
  gaussianNumbers,
  keepFactor,
  noiseKey,
} from "./noise.ts";
import { planAgrees, start } from "./plan/fixtures.ts";
import { planMemory } from "./plan/memory.ts";
import { drawingFrom } from "./random_seed.ts";
import { twins, weightsOf } from "../training/fixtures.ts";

await start("cpu");
const { layers } = tf;
const key = noiseKey({ seed: 2 ** 40 + 7, step: 3 }, 5);

const meanOf = (numbers: Float32Array) => numbers.reduce((a, b) => a + b, 0) / numbers.length;

describe("Random numbers of a step", () => {
  it("are these for this key", () => {
    assert.deepEqual(key, { first: -1722204154, second: -286356659 });
    assert.deepEqual([...dropoutFactors(key, 8, 0.5)], [0, 0, 0, 2, 2, 0, 0, 0]);
    assert.deepEqual([...gaussianNumbers(key, 4, 0, 1)], [
      -1.844950556755066,
      -0.8804370164871216,
      -1.642856478691101,
      0.27913767099380493,
    ]);
  });

  it("differ with the seed, the step, the call and the draw", () => {
    const keys = [[1, 2, 3, 4], [2 ** 32 + 1, 2, 3, 4], [2, 2, 3, 4], [1, 3, 3, 4], [1, 2, 4, 4]]
      .concat([[1, 2, 3, 5], [1, 2 ** 32 + 2, 3, 4]])
      .map(([seed, step, call, part]) => noiseKey({ seed, step }, call, part));
    const drawn = keys.map((one) => `${gaussianNumbers(one, 3, 0, 1)}`);
    assert.equal(new Set(drawn).size, keys.length);
  });

  it("drop as many as the rate says, and keep the mean", () => {
    for (const rate of [0.001, 0.1, 0.5, 0.9, 0.999]) {
      const factors = dropoutFactors(key, 200_000, rate);
      const dropped = factors.filter((one) => one === 0).length / factors.length;
      const deviation = Math.sqrt(rate * (1 - rate) / factors.length);
      assert(Math.abs(dropped - rate) < 5 * deviation, `${rate}: ${dropped}`);
      assert(factors.every((one) => one === 0 || one === Math.fround(1 / (1 - rate))));
    }
  });

  it("are normally distributed", () => {
    const numbers = gaussianNumbers(key, 400_000, 0, 1).sort();
    const moment = (power: number) => meanOf(numbers.map((one) => one ** power));
    assert(Math.abs(moment(1)) < 0.01);
    assert(Math.abs(moment(2) - 1) < 0.02);
    assert(Math.abs(moment(3)) < 0.05);
    assert(Math.abs(moment(4) - 3) < 0.1);
    for (
      const [share, quantile] of [
        [0.0001, -3.719016],
        [0.01, -2.326348],
        [0.025, -1.959964],
        [0.25, -0.6744898],
        [0.5, 0],
        [0.9, 1.2815516],
        [0.999, 3.0902323],
      ]
    ) {
      const found = numbers[Math.floor(share * numbers.length)];
      const density = Math.exp(-(quantile ** 2) / 2) / Math.sqrt(2 * Math.PI);
      const deviation = Math.sqrt(share * (1 - share) / numbers.length) / density;
      assert(Math.abs(found - quantile) < 5 * deviation, `${share}: ${found}`);
    }
  });

  it("show no pattern between neighbours, calls and steps", () => {
    const at = (step: number, call: number) =>
      gaussianNumbers(noiseKey({ seed: 1, step }, call), 100_001, 0, 1);
    const [first, others] = [at(1, 0), [at(1, 0).slice(1), at(2, 0), at(1, 1)]];
    for (const other of others) {
      const products = first.subarray(0, 100_000).map((one, i) => one * other[i]);
      assert(Math.abs(meanOf(products)) < 5 / Math.sqrt(100_000));
    }
  });

  it("have the same bits in compiled steps", async () => {
    await useBackend(tf, "cpu");
    const memory = planMemory(getEngine());
    assert(typeof memory !== "string");
    const size = 100_000;
    const at = memory.allocate(size * 4);
    const read = () => memory.floats().slice(at >> 2, (at >> 2) + size);
    for (const { first, second } of [key, noiseKey({ seed: 0, step: 0 }, 0)]) {
      const { dropout, gaussian } = memory.kernels;
      dropout(size, first, second, dropLimit(0.3), keepFactor(0.3), 0, at);
      assert.deepEqual(read(), dropoutFactors({ first, second }, size, 0.3));
      gaussian(size, first, second, 1, 0.3, at);
      assert.deepEqual(read(), gaussianNumbers({ first, second }, size, 1, 0.3));
    }
  });
});

const drawing: Record<string, () => tf.layers.Layer> = {
  "dropout": () => layers.dropout({ rate: 0.3 }),
  "dropout with a shape for steps": () =>
    layers.dropout({ rate: 0.3, noiseShape: [null, 1, 5] as never }),
  "dropout with a shape for features": () =>
    layers.dropout({ rate: 0.3, noiseShape: [null, 3, 1] as never }),
  "dropout with one shape for all rows": () => layers.dropout({ rate: 0.5, noiseShape: [1, 3, 5] }),
  "dropout of nothing": () => layers.dropout({ rate: 0 }),
  "dropout of everything": () => layers.dropout({ rate: 1 }),
  "spatialDropout1d": () => layers.spatialDropout1d({ rate: 0.4 }),
  "gaussianNoise": () => layers.gaussianNoise({ stddev: 0.2 }),
  "gaussianDropout": () => layers.gaussianDropout({ rate: 0.2 }),
  "alphaDropout": () => layers.alphaDropout({ rate: 0.2 }),
};

function network(make: () => tf.layers.Layer): tf.Sequential {
  return tf.sequential({
    layers: [
      layers.dense({ units: 5, inputShape: [3, 2], activation: "selu" }),
      make(),
      layers.dense({ units: 2, activation: "tanh" }),
      make(),
    ],
  });
}

describe("A noise layer", () => {
  for (const [name, make] of Object.entries(drawing)) {
    if (!name.includes("shape")) {
      it(`${name} computes the same compiled and on the tape`, () =>
        planAgrees(name, () => network(make)));
    } else {
      it(`${name} computes the same compiled and on the tape`, () =>
        planAgrees(name, () => {
          const model = network(() => layers.activation({ activation: "relu" }));
          return tf.sequential({
            layers: [...model.layers.slice(0, 2), make(), layers.dense({ units: 2 })],
          });
        }));
    }
  }

  const x = tf.randomNormal([20, 3, 2], 0, 1, "float32", 1);
  const y = tf.zeros([20, 3, 2]);
  const quiet = { verbose: 0, epochs: 3, batchSize: 8, seed: 4 } as const;
  const compiled = (make: () => tf.layers.Layer) => () => {
    const model = network(make);
    model.compile({ optimizer: "adam", loss: "meanSquaredError" });
    return model;
  };

  it("A noise layer draws the same numbers compiled, on the tape and on each backend", async () => {
    const make = compiled(drawing.dropout);
    const [first, ...others] = twins(make).concat(twins(make));
    for (const one of others) one.setWeights(first.getWeights());
    const found: number[][] = [];
    for (const [i, model] of [first, ...others].entries()) {
      await useBackend(tf, i < 2 ? "cpu" : "wasm");
      await fit(model, x, y, { ...quiet, jitCompile: i % 2 === 0 });
      found.push([...weightsOf(model)]);
    }
    await useBackend(tf, "cpu");
    for (const weights of found) {
      assert(weights.every((one, i) => Math.abs(one - found[0][i]) < 2e-6));
    }
  });

  it('A noise layer is not compiled with noise "tfjs", and TensorFlow.js draws its numbers', async () => {
    const [ours, theirs] = twins(compiled(drawing.gaussianNoise));
    await fit(ours, x, y, { ...quiet, noise: "tfjs" });
    await fit(theirs, x, y, quiet);
    assert.notDeepEqual(weightsOf(ours), weightsOf(theirs));
    assert.match(describeStep(ours).reason ?? "", /TensorFlow\.js draws/);
    assert.equal(describeStep(theirs).isCompiled, true);
    await assert.rejects(fit(ours, x, y, { ...quiet, noise: "own" as never }), /Cannot use noise/);
    await assert.rejects(
      fit(ours, x, y, { ...quiet, noise: "tfjs", jitCompile: true }),
      /Cannot compile the step/,
    );
  });

  it("A noise layer with its own seed is not compiled, and keeps the numbers of that seed", async () => {
    const make = compiled(() => layers.dropout({ rate: 0.5, seed: 3 }));
    const [first, second] = twins(make);
    await fit(first, x, y, { ...quiet, shuffle: false });
    await fit(second, x, y, { ...quiet, shuffle: false, seed: 9 });
    assert.deepEqual(weightsOf(first), weightsOf(second));
    assert.match(describeStep(first).reason ?? "", /its own seed/);
  });

  for (const name of ["dropout", "spatialDropout1d", "alphaDropout"]) {
    it(`${name} scales and drops values as TensorFlow.js does`, () => {
      const layer = drawing[name]();
      const input = tf.fill([20, 3, 5], 0.7);
      const theirs = layer.call(input, { training: true }) as tf.Tensor;
      const engine = getEngine();
      const ours = drawingFrom(
        engine,
        1,
        1,
        () => applyNoise(engine, layer, input, 0),
      ) as tf.Tensor;
      const valuesOf = (tensor: tf.Tensor) => [...new Set(tensor.dataSync())].sort();
      assert.equal(valuesOf(ours).length, 2);
      assert.deepEqual(valuesOf(ours), valuesOf(theirs));
    });
  }

  it("A noise layer whose call was replaced uses that call", async () => {
    let calls = 0;
    const [, model] = twins(compiled(() => {
      const layer = layers.dropout({ rate: 0.5 });
      layer.call = (inputs) => (calls++, inputs as tf.Tensor);
      return layer;
    }));
    await fit(model, x, y, { ...quiet, epochs: 1 });
    assert(calls > 0);
  });

  it("A custom class with the name of a noise layer uses its own call", async () => {
    class Dropout extends tf.layers.Layer {
      static className = "Dropout";
      rate = 0.5;
      override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
        return tf.tidy(() => [inputs].flat()[0].mul(3));
      }
    }
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones" }),
        new Dropout({}),
      ],
    });
    model.compile({ optimizer: tf.train.sgd(0), loss: "meanSquaredError" });
    const { history } = await fit(model, tf.ones([4, 1]), tf.zeros([4, 1]), {
      verbose: 0,
      jitCompile: false,
    });
    assert.deepEqual(history.loss, [9]);
  });
});
