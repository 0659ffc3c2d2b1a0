import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { fit, type FitOptions, setRandomSeed, useBackend } from "keepfit";
import { weightsOf } from "../training/fixtures.ts";

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());
const quiet = { verbose: 0 } as const;

/** One draw of each op that draws. */
function draws(): number[][] {
  return [
    tf.randomUniform([2]),
    tf.randomUniformInt([3], 0, 100),
    tf.randomNormal([2]),
    tf.randomStandardNormal([2]),
    tf.truncatedNormal([2]),
    tf.randomGamma([2], 3),
    tf.dropout(tf.ones([8]), 0.5),
  ].map(values);
}

/** A model that draws in every way that layers know, its weights trained a little. */
async function trainAll(options: FitOptions = {}): Promise<number[]> {
  const input = tf.input({ shape: [5] });
  const embedded = tf.layers.embedding({ inputDim: 4, outputDim: 3 }).apply(input);
  const recurrent = tf.layers.lstm({ units: 4, dropout: 0.2, recurrentDropout: 0.2 })
    .apply(embedded);
  let hidden = recurrent as tf.SymbolicTensor;
  for (
    const layer of [
      tf.layers.dense({ units: 6, kernelInitializer: "orthogonal", activation: "relu" }),
      tf.layers.dropout({ rate: 0.3 }),
      tf.layers.dense({ units: 6, kernelInitializer: "heNormal", biasInitializer: "randomNormal" }),
      tf.layers.gaussianNoise({ stddev: 0.1 }),
      tf.layers.dense({ units: 6, kernelInitializer: "truncatedNormal" }),
      tf.layers.gaussianDropout({ rate: 0.2 }),
      tf.layers.dense({ units: 6, kernelInitializer: "leCunUniform" }),
      tf.layers.alphaDropout({ rate: 0.2 }),
      tf.layers.dense({ units: 1 }),
    ]
  ) {
    hidden = layer.apply(hidden) as tf.SymbolicTensor;
  }
  const model = tf.model({ inputs: input, outputs: hidden });
  model.compile({ optimizer: "adam", loss: "meanSquaredError" });
  const x = tf.randomUniform([12, 5], 0, 4).floor();
  await fit(model, x, x.sum(1, true), { ...quiet, epochs: 2, batchSize: 4, ...options });
  return weightsOf(model);
}

describe("setRandomSeed", () => {
  after(() => tf.setBackend("cpu"));

  it("setRandomSeed makes every draw of TensorFlow.js reproducible", () => {
    setRandomSeed(tf, 1);
    const first = [draws(), draws()];
    setRandomSeed(tf, 1);
    assert.deepEqual([draws(), draws()], first);
    assert.notDeepEqual(first[0], first[1]);
    setRandomSeed(tf, 2);
    assert.notDeepEqual(draws(), first[0]);
    setRandomSeed(tf, 2 ** 32 + 1);
    assert.notDeepEqual(draws(), first[0]);
  });

  // Golden: the numbers must be the same on every runtime and in every later version.
  it("setRandomSeed draws the same numbers on every runtime", () => {
    setRandomSeed(tf, 1);
    assert.deepEqual(draws(), [
      [0.8974266052246094, 0.6468232274055481],
      [33, 97, 32],
      [-0.13274532556533813, 1.0699070692062378],
      [0.8051703572273254, 0.2914879620075226],
      [0.45374855399131775, 0.2511094808578491],
      [3.2216053009033203, 2.8497109413146973],
      [2, 2, 0, 2, 0, 0, 0, 0],
    ]);
  });

  it("setRandomSeed draws the same numbers on wasm as on cpu", async () => {
    await useBackend(tf, "wasm");
    setRandomSeed(tf, 1);
    const onWasm = draws();
    await useBackend(tf, "cpu");
    setRandomSeed(tf, 1);
    assert.deepEqual(onWasm, draws());
  });

  for (const backend of ["cpu", "wasm"] as const) {
    it(`setRandomSeed makes tf.multinomial reproducible on ${backend}`, async () => {
      await useBackend(tf, backend);
      const draw = () => values(tf.multinomial([0.1, 0.2, 0.3, 0.4], 20));
      setRandomSeed(tf, 1);
      const first = draw();
      const second = draw();
      assert.notDeepEqual(first, second);
      setRandomSeed(tf, 1);
      assert.deepEqual([draw(), draw()], [first, second]);
    });

    it(`setRandomSeed makes initializers, dropout, noise and the order of rows reproducible on ${backend}`, async () => {
      await useBackend(tf, backend);
      const train = (seed: number) => {
        setRandomSeed(tf, seed);
        return trainAll();
      };
      const first = await train(7);
      assert.ok(first.every(Number.isFinite));
      assert.deepEqual(await train(7), first);
      assert.notDeepEqual(await train(8), first);
    });
  }

  it("setRandomSeed does not change draws with their own seed", async () => {
    await useBackend(tf, "cpu");
    const own = () => [
      values(tf.randomUniform([2], 0, 1, "float32", 5)),
      values(tf.initializers.glorotUniform({ seed: 5 }).apply([2, 2])),
      values(tf.dropout(tf.ones([8]), 0.5, undefined, 5)),
    ];
    setRandomSeed(tf, 1);
    const first = own();
    const drawn = values(tf.randomUniform([1]));
    assert.deepEqual(own(), first);
    // They do not advance the sequence.
    setRandomSeed(tf, 1);
    assert.deepEqual(values(tf.randomUniform([1])), drawn);
  });

  it("setRandomSeed does not change Math.random for the program, even when an op fails", () => {
    const { random } = Math;
    setRandomSeed(tf, 1);
    tf.randomUniform([2]);
    assert.equal(Math.random, random);
    assert.throws(() => tf.randomUniform([-1]));
    assert.throws(() => tf.multinomial([1], 2));
    assert.equal(Math.random, random);
    tf.tidy(() => {
      tf.rand([1], () => {
        assert.equal(Math.random, random);
        return 0;
      });
    });
    assert.notEqual(Math.random(), Math.random());
  });

  it("setRandomSeed works with a Math.random that the program has replaced", () => {
    const { random } = Math;
    const own = () => 0.5;
    try {
      setRandomSeed(tf, 1);
      const first = values(tf.randomUniform([2]));
      Math.random = own;
      setRandomSeed(tf, 1);
      assert.deepEqual(values(tf.randomUniform([2])), first);
      assert.equal(Math.random, own);
    } finally {
      Math.random = random;
    }
  });

  it("setRandomSeed gives each fit a different order, unless the fit has a seed", async () => {
    const seeds = async (options: FitOptions) => {
      const seen: unknown[] = [];
      setRandomSeed(tf, 3);
      for (let run = 0; run < 2; run++) {
        const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
        model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
        const callback = { setParams: (params: { seed?: number }) => seen.push(params.seed) };
        await fit(model, tf.ones([2, 1]), tf.ones([2, 1]), {
          ...quiet,
          ...options,
          callbacks: callback,
        });
      }
      return seen;
    };
    const [one, other] = await seeds({});
    assert.notEqual(one, other);
    assert.deepEqual(await seeds({}), [one, other]);
    assert.deepEqual(await seeds({ seed: 9 }), [9, 9]);
  });

  it("setRandomSeed is rejected without TensorFlow.js, or for anything but a whole number", () => {
    assert.throws(() => setRandomSeed(1 as never, undefined as never), {
      name: "TypeError",
      message: "Cannot set the random seed: expected TensorFlow.js first, got 1; write " +
        "setRandomSeed(tf, 1)",
    });
    for (const seed of [-1, 1.5, NaN, 2 ** 53, undefined, "1"]) {
      assert.throws(() => setRandomSeed(tf, seed as never), {
        name: "RangeError",
        message: `Cannot set the random seed: expected a whole number >= 0, got ${seed}`,
      });
    }
  });
});
