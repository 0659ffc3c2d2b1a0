import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { evaluate, fit, type FitOptions, type History, type Params, predict } from "keepfit";
import { tensorsLeft, twins, warned, weightsOf } from "./fixtures.ts";

/** y = 2x - 1 with one weight and one bias. */
function line(compile: Partial<tf.ModelCompileArgs> = {}): tf.Sequential {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError", ...compile });
  return model;
}

const x = tf.tensor2d([[0], [1], [2], [3], [4], [5]]);
const y = x.mul(2).sub(1);
const quiet = { verbose: 0 } as const;

/** The targets of every batch of a fit, including validation, in order. */
async function batchesOf(options: FitOptions, make = line): Promise<number[][]> {
  const seen: number[][] = [];
  const loss = (yTrue: tf.Tensor, yPred: tf.Tensor) => {
    seen.push(Array.from(yTrue.dataSync(), (value) => (value + 1) / 2));
    return yTrue.sub(yPred).abs().mean(-1);
  };
  await fit(make({ loss }), x, y, { ...quiet, ...options });
  return seen;
}

describe("fit training a model", () => {
  it("fit trains a Sequential and a LayersModel", async () => {
    const sequential = line();
    const input = tf.input({ shape: [1] });
    const functional = tf.model({
      inputs: input,
      outputs: tf.layers.dense({ units: 1 }).apply(input) as tf.SymbolicTensor,
    });
    functional.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError" });
    for (const model of [sequential, functional]) {
      const { history } = await fit(model, x.div(5), y.div(5), { ...quiet, epochs: 300 });
      assert(history.loss[299] < 1e-3);
    }
  });

  it("fit trains from initialEpoch to epochs, which is an epoch number rather than a count", async () => {
    const history = await fit(line(), x, y, { ...quiet, initialEpoch: 2, epochs: 5 });
    assert.deepEqual(history.epoch, [2, 3, 4]);
  });

  it("fit warns if there is no epoch to train", async () => {
    for (const options of [{ epochs: 0 }, { epochs: 3, initialEpoch: 3 }]) {
      const seen: string[] = [];
      const callbacks = {
        onTrainBegin: () => seen.push("begin"),
        onEpochBegin: () => seen.push("never"),
        onTrainEnd: () => seen.push("end"),
        close: () => seen.push("closed"),
      };
      let history: History | undefined;
      const messages = await warned(async () => {
        history = await fit(line(), x, y, { ...quiet, ...options, callbacks });
      });
      assert.deepEqual(history?.epoch, []);
      assert.deepEqual(seen, ["begin", "end", "closed"]);
      assert.equal(messages.length, 1);
      assert.match(messages[0], /trains no epoch: initialEpoch is \d, epochs \d/);
    }
  });

  it("fit trains one epoch in batches of 32 by default", async () => {
    let params: Params | undefined;
    await fit(line(), tf.zeros([70, 1]), tf.zeros([70, 1]), {
      ...quiet,
      callbacks: { setParams: (given) => void (params = given) },
    });
    assert.deepEqual(
      [params?.epochs, params?.steps, params?.batchSize, params?.samples, params?.doValidation],
      [1, 3, 32, 70, false],
    );
  });

  it("fit accepts targets of rank 1", async () => {
    const [one, two] = twins(line);
    await fit(one, x, y, { ...quiet, seed: 1 });
    await fit(two, x.flatten(), y.flatten(), { ...quiet, seed: 1 });
    assert.deepEqual(weightsOf(one), weightsOf(two));
  });
});

describe("fit ordering rows", () => {
  it("fit shuffles rows in every epoch, the same for one seed on every runtime", async () => {
    const seen = await batchesOf({ epochs: 2, batchSize: 6, seed: 3 });
    assert.deepEqual(seen, [[4, 0, 1, 3, 2, 5], [0, 3, 1, 5, 2, 4]]);
    assert.deepEqual(await batchesOf({ epochs: 2, batchSize: 6, seed: 3 }), seen);
  });

  it("fit orders rows in a later epoch like a run from the start", async () => {
    const [, , third] = await batchesOf({ epochs: 3, batchSize: 6, seed: 3 });
    const [resumed] = await batchesOf({ epochs: 3, initialEpoch: 2, batchSize: 6, seed: 3 });
    assert.deepEqual(resumed, third);
  });

  it("fit chooses a random seed by default, and passes it in the params", async () => {
    const seeds: unknown[] = [];
    const callbacks = { setParams: (params: Params) => void seeds.push(params.seed) };
    const seen = await batchesOf({ batchSize: 6, callbacks });
    await batchesOf({ batchSize: 6, callbacks });
    assert.notEqual(seeds[0], seeds[1]);
    assert.deepEqual(await batchesOf({ batchSize: 6, seed: seeds[0] as number }), seen);
  });

  it('fit keeps the order with shuffle false, and shuffles whole batches with "batch"', async () => {
    assert.deepEqual(await batchesOf({ batchSize: 4, shuffle: false }), [[0, 1, 2, 3], [4, 5]]);
    const seen = await batchesOf({ batchSize: 2, shuffle: "batch", seed: 3 });
    assert.deepEqual(seen.flat().toSorted(), [0, 1, 2, 3, 4, 5]);
    for (const [a, b] of seen) assert.equal(b, a + 1);
    assert.notDeepEqual(seen.flat(), [0, 1, 2, 3, 4, 5]);
  });

  it("fit ends an epoch after stepsPerEpoch batches, and the next epoch continues", async () => {
    const seen = await batchesOf({ batchSize: 2, shuffle: false, stepsPerEpoch: 2, epochs: 2 });
    assert.deepEqual(seen, [[0, 1], [2, 3], [4, 5], [0, 1]]);
    const long = await batchesOf({ batchSize: 4, shuffle: false, stepsPerEpoch: 3 });
    assert.deepEqual(long, [[0, 1, 2, 3], [4, 5], [0, 1, 2, 3]]);
    const shuffled = await batchesOf({ batchSize: 2, seed: 1, stepsPerEpoch: 2, epochs: 3 });
    const passes = await batchesOf({ batchSize: 2, seed: 1, epochs: 2 });
    assert.deepEqual(shuffled, passes);
  });

  it("fit shuffles after splitting off the last rows for validation", async () => {
    const seen = await batchesOf({ batchSize: 4, seed: 2, validationSplit: 0.5 });
    assert.deepEqual(seen.map((batch) => batch.toSorted()), [[0, 1, 2], [3, 4, 5]]);
    assert.deepEqual(seen[1], [3, 4, 5]);
  });
});

describe("fit and the event loop", () => {
  it("fit yields on a time budget even if no callback waits", async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    // Each batch takes some time, and there is only one epoch.
    const work = () => {
      const end = performance.now() + 10;
      while (performance.now() < end);
    };
    try {
      const options = { ...quiet, batchSize: 1, callbacks: { onTrainBatchEnd: work } };
      await fit(line(), x, y, { ...options, yieldEvery: "never" });
      const starved = ticks;
      await fit(line(), x, y, options);
      assert.equal(starved, 0);
      assert(ticks > 0);
      const before = ticks;
      await fit(line(), x, y, { ...options, yieldEvery: "batch" });
      assert(ticks >= before + 3, `${before} ${ticks}`);
    } finally {
      clearInterval(timer);
    }
  });
});

describe("fit logging metrics", () => {
  it("fit logs an accuracy under the name passed to compile, and both names can be read", async () => {
    for (const [given, other] of [["acc", "accuracy"], ["accuracy", "acc"]]) {
      const model = line({ metrics: [given] });
      const { history } = await fit(model, x, y, { ...quiet, validationData: [x, y] });
      assert.deepEqual(
        Object.keys(history).sort(),
        [given, "loss", `val_${given}`, "val_loss"].sort(),
      );
      assert.equal(history[other], history[given]);
      assert.equal(history[`val_${other}`], history[`val_${given}`]);
    }
  });

  it("fit numbers duplicate metrics, and logs an unnamed one as metric", async () => {
    const model = line({ metrics: ["mae", "mae", (yTrue: tf.Tensor) => yTrue] });
    const { history } = await fit(model, x, y, quiet);
    assert.deepEqual(Object.keys(history), ["loss", "mae", "mae_1", "metric"]);
  });

  it("fit logs a metric called loss in addition to the loss", async () => {
    const model = line({
      metrics: [function loss() {
        return tf.scalar(7);
      }],
    });
    const { history } = await fit(model, x, y, quiet);
    assert.deepEqual(history.loss_1, [7]);
    assert.notDeepEqual(history.loss, [7]);
  });

  it("fit, evaluate and predict divide all rows among the steps without a batchSize, like Keras", async () => {
    const data = { shuffle: false, validationData: [x, y] as [tf.Tensor, tf.Tensor] };
    const train = [[0, 1], [2, 3], [4, 5]];
    const validation = [[0, 1, 2], [3, 4, 5]];
    const steps = { stepsPerEpoch: 3, validationSteps: 2 };
    assert.deepEqual(await batchesOf({ ...data, ...steps }), [...train, ...validation]);
    const whole = [0, 1, 2, 3, 4, 5];
    assert.deepEqual(await batchesOf({ ...data, stepsPerEpoch: 3 }), [...train, whole]);
    assert.deepEqual(await batchesOf({ ...data, validationSteps: 2 }), [whole, ...validation]);
    const split = { shuffle: false, validationSplit: 0.5, stepsPerEpoch: 2, validationSteps: 3 };
    assert.deepEqual(await batchesOf(split), [[0, 1], [2], [3], [4], [5]]);
    const given = { ...data, batchSize: 4, ...steps, epochs: 1 };
    assert.deepEqual((await batchesOf(given)).map(({ length }) => length), [4, 2, 4, 4, 2]);

    let params: Params | undefined;
    const callbacks = { setParams: (all: Params) => void (params = all) };
    await evaluate(line(), x, y, { ...quiet, steps: 4, callbacks });
    assert.deepEqual([params?.steps, params?.batchSize], [3, 2]);
    const predicted = await predict(line(), x, { ...quiet, steps: 2, callbacks }) as tf.Tensor;
    assert.deepEqual([params?.steps, predicted.shape], [2, [6, 1]]);
  });

  it("fit warns once about NaN", async () => {
    const messages = await warned(async () => {
      const { history } = await fit(line(), x, y.mul(NaN), { ...quiet, epochs: 3 });
      assert.deepEqual(history.loss, [NaN, NaN, NaN]);
    });
    assert.equal(messages.length, 1);
    assert.match(messages[0], /the loss of epoch 0 is NaN/);
  });

  it("fit leaks no tensor", async () => {
    const model = line({ metrics: ["mae", tf.metrics.precision] });
    await fit(model, x, y, quiet);
    assert.equal(
      await tensorsLeft(() => fit(model, x, y, { ...quiet, epochs: 2, validationSplit: 0.5 })),
      0,
    );
  });
});
