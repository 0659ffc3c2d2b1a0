import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BackupAndRestore, type CallbackLike, fit, getOptimizerState } from "keepfit";
import { CallbackList } from "../core/callback_list.ts";
import { getLearningRate } from "../core/model.ts";
import { type FileSystem, memoryFileSystem } from "../runtime/mod.ts";
import { LearningRateFinder, type LearningRateFinderOptions } from "./learning_rate_finder.ts";
import { captured } from "./fixtures.ts";

const silent = { verbose: 0 } as const;

/** A linear model, and 10 points on a line. */
function line(optimizer: tf.Optimizer | string) {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones" }),
      tf.layers.batchNormalization(),
    ],
  });
  model.compile({ optimizer, loss: "meanSquaredError" });
  const x = tf.tensor2d([-1, -.7, -.5, -.3, 0, .1, .4, .6, .8, 1], [10, 1]);
  return { model, x, y: tf.tidy(() => x.mul(3).add(1)) as tf.Tensor2D };
}

/** Everything that training changes. */
async function everything(model: tf.LayersModel) {
  return {
    weights: model.getWeights().map((weight) => Array.from(weight.dataSync())),
    optimizer: await getOptimizerState(model),
  };
}

/** Pass one loss per step to a finder without smoothing. */
async function sweep(losses: number[], options: LearningRateFinderOptions = {}) {
  const { model } = line(tf.train.sgd(0.5));
  const finder = new LearningRateFinder({
    steps: losses.length,
    minLearningRate: 1e-3,
    maxLearningRate: 1e3,
    smoothing: 0,
    ...silent,
    ...options,
  });
  const list = new CallbackList(finder, { model: model as never });
  await list.onTrainBegin();
  let [sum, steps] = [0, 0];
  await list.onEpochBegin(0);
  for (const loss of losses) {
    await list.onTrainBatchBegin(steps);
    sum += loss;
    await list.onTrainBatchEnd(steps, { loss: sum / ++steps });
    if (model.stopTraining) break;
  }
  await list.close();
  return { finder, model };
}

describe("LearningRateFinder", () => {
  for (const optimizer of ["sgd", "adam", "adamax", "rmsprop", "adagrad", "adadelta"]) {
    it(`LearningRateFinder restores weights, rate and state with ${optimizer}`, async () => {
      const { model, x, y } = line(optimizer);
      for (const epochs of [0, 2]) {
        // In the first run, the optimizer has no state yet.
        if (epochs > 0) await fit(model, x, y, { ...silent, epochs });
        const before = await everything(model);
        const { numTensors } = tf.memory();
        const finder = new LearningRateFinder({ steps: 10, ...silent });
        const after: unknown[] = [];
        const behind: CallbackLike = {
          onEpochEnd: async () => void after.push(await everything(model)),
        };
        await fit(model, x, y, {
          ...silent,
          epochs: 20,
          batchSize: 5,
          callbacks: [finder, behind],
        });
        assert.ok(finder.losses.length > 1);
        assert.deepEqual(await everything(model), before);
        assert.deepEqual(after.at(-1), before);
        assert.equal(tf.memory().numTensors, numTensors);
      }
    });
  }

  it("LearningRateFinder raises the rate by the same factor each step, over as many epochs as needed", async () => {
    const { model, x, y } = line("sgd");
    const finder = new LearningRateFinder({
      steps: 10,
      minLearningRate: 1e-6,
      maxLearningRate: 1e-3,
      divergence: 1e9,
      ...silent,
    });
    const history = await fit(model, x, y, {
      ...silent,
      batchSize: 4,
      epochs: 99,
      callbacks: [finder],
    });
    assert.deepEqual(history.epoch, [0, 1, 2, 3]);
    assert.equal(finder.learningRates.length, 10);
    assert.equal(finder.learningRates[0], 1e-6);
    assert.ok(Math.abs(finder.learningRates[9] - 1e-3) < 1e-15);
    for (let step = 1; step < 10; step++) {
      const factor = finder.learningRates[step] / finder.learningRates[step - 1];
      assert.ok(Math.abs(factor - 1000 ** (1 / 9)) < 1e-9);
    }
  });

  it("LearningRateFinder computes the loss of each batch from the means in the logs", async () => {
    const { x, y } = line("sgd");
    const model = tf.sequential({
      layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones" })],
    });
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    // The rates are too small to change a weight, so the loss of a row stays (3x + 1 - x)².
    const finder = new LearningRateFinder({
      steps: 10,
      minLearningRate: 1e-20,
      maxLearningRate: 1e-19,
      divergence: 1e9,
      ...silent,
    });
    await fit(model, x, y, {
      ...silent,
      batchSize: 4,
      shuffle: false,
      epochs: 9,
      callbacks: [finder],
    });
    const rows = Array.from(x.dataSync(), (value) => (2 * value + 1) ** 2);
    const batches = [rows.slice(0, 4), rows.slice(4, 8), rows.slice(8)]
      .map((batch) => batch.reduce((sum, loss) => sum + loss) / batch.length);
    finder.losses.forEach((loss, step) =>
      assert.ok(Math.abs(loss - batches[step % 3]) < 1e-4, `step ${step}: ${loss}`)
    );
  });

  it("LearningRateFinder suggests the rate at which the loss falls fastest", async () => {
    const { finder, model } = await sweep([9, 9, 9, 9, 9, 9, 8, 3, 3, 3, 3, 3, 3]);
    // 13 steps from 1e-3 to 1e3, half a decade each. Between steps 5 and 7 the loss falls by 6.
    assert.equal(finder.suggestion, finder.learningRates[6]);
    assert.ok(Math.abs(finder.suggestion! - 1) < 1e-9);
    assert.equal(model.stopTraining, true);
    assert.equal(getLearningRate(model), 0.5);
  });

  it("LearningRateFinder ignores the noise of the first steps", async () => {
    const { finder } = await sweep([9, 5, 1, 9, 9, 9, 9, 9, 8, 6, ...Array(20).fill(6)], {
      divergence: 99,
    });
    assert.equal(finder.suggestion, finder.learningRates[8]);
  });

  it("LearningRateFinder ends when the loss diverges, and drops values that are not finite", async () => {
    const table: [number[], number][] = [
      [[4, 3, 2, 1, 3, 5, 9, 9, 9, 9, 9], 6],
      [[4, 3, 2, NaN, 1, 1, 1, 1, 1, 1], 3],
      [[4, 3, 2, Infinity, 1, 1, 1, 1, 1, 1], 3],
      [[-1, -2, -3, -2, -1, -1, -1, -1, -1, -1], 10],
    ];
    for (const [losses, steps] of table) {
      const { finder } = await sweep(losses);
      assert.equal(finder.losses.length, steps, String(losses));
      assert.ok(finder.losses.every(Number.isFinite));
    }
  });

  it("LearningRateFinder smooths the losses without a bias towards 0", async () => {
    const { finder } = await sweep(Array(12).fill(5), { smoothing: 0.9 });
    assert.ok(finder.smoothedLosses.every((loss) => Math.abs(loss - 5) < 1e-9));
  });

  it('LearningRateFinder continues at the suggested rate with afterwards: "train"', async () => {
    const losses = [9, 9, 9, 9, 9, 9, 8, 3, 3, 3, 3, 3, 3];
    const { finder, model } = await sweep(losses, { afterwards: "train" });
    assert.equal(getLearningRate(model), finder.suggestion);
    assert.notEqual(model.stopTraining, true);
  });

  it("LearningRateFinder prints its result, or that there is none, unless verbose is 0", async () => {
    const say = async (losses: number[], verbose: number) =>
      (await captured(() => sweep(losses, { verbose }))).printed;
    const fall = [9, 9, 9, 9, 9, 9, 8, 3, 3, 3, 3, 3, 3];
    assert.deepEqual(await say(fall, 1), [
      "LearningRateFinder: suggestion 1.00, the loss never diverged",
    ]);
    assert.deepEqual(await say([...fall.slice(0, 12), 99], 1), [
      "LearningRateFinder: suggestion 1.00, the loss diverges at 1.00e+3",
    ]);
    assert.deepEqual(await say(Array(10).fill(1), 1), [
      "LearningRateFinder: no rate from 0.001 to 1000 lowered the loss",
    ]);
    assert.deepEqual(await say(fall, 0), []);
  });

  it("LearningRateFinder draws the sweep to an SVG file in a folder that it creates", async () => {
    const fs = memoryFileSystem();
    const losses = [9, 9, 9, 9, 9, 9, 8, 3, 3, 3, 3, 3, 3];
    await sweep(losses, { plot: "runs/a/rate.svg", fs });
    const svg = await fs.readTextFile("runs/a/rate.svg");
    assert.equal(svg.match(/<circle class="loss"/g)?.length, 13);
    assert.match(svg, /^<svg xmlns=[^]*suggestion 1\.00[^]*<\/svg>\n$/);
    assert.match(svg, />1e-3<[^]*>0\.1<[^]*>1000</);
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
    // A constant loss has a default range and no suggestion.
    await sweep(Array(10).fill(2), { plot: "flat.svg", fs });
    const flat = await fs.readTextFile("flat.svg");
    assert.doesNotMatch(flat, /NaN|Infinity|suggestion/);
  });

  it("LearningRateFinder warns when the run is too short, and still restores the model", async () => {
    const { model, x, y } = line("adam");
    const before = await everything(model);
    const finder = new LearningRateFinder(silent);
    const { warned } = await captured(() =>
      fit(model, x, y, { ...silent, batchSize: 5, epochs: 2, callbacks: [finder] })
    );
    assert.equal(warned.length, 1);
    assert.match(warned[0], /received 4 of its 100 steps: train for more epochs/);
    assert.deepEqual(await everything(model), before);
  });

  it("LearningRateFinder restores the model when training fails", async () => {
    const { model, x, y } = line("adam");
    const before = await everything(model);
    const { numTensors } = tf.memory();
    const failing: CallbackLike = { onEpochEnd: () => assert.fail("mine") };
    const callbacks = [new LearningRateFinder(silent), failing];
    await assert.rejects(fit(model, x, y, { ...silent, callbacks }), /mine/);
    assert.deepEqual(await everything(model), before);
    assert.equal(tf.memory().numTensors, numTensors);
  });

  it("LearningRateFinder rejects an invalid sweep", () => {
    const make = (options: LearningRateFinderOptions) => () => new LearningRateFinder(options);
    assert.throws(make({ minLearningRate: 0 }), RangeError);
    assert.throws(make({ minLearningRate: 1, maxLearningRate: 0.1 }), {
      name: "RangeError",
      message: "Cannot create LearningRateFinder from 1 to 0.1: minLearningRate must be below " +
        "maxLearningRate",
    });
    assert.throws(make({ steps: 2 }), RangeError);
    assert.throws(make({ smoothing: 1 }), RangeError);
    assert.throws(make({ divergence: 1 }), RangeError);
    assert.throws(make({ afterwards: "go" as never }), RangeError);
    assert.throws(make({ plot: "" }), RangeError);
  });
});

describe("LearningRateFinder in a resumed run", () => {
  it("LearningRateFinder in a resumed run continues its sweep, or with its result", async () => {
    const x = tf.linspace(-1, 1, 12).reshape([12, 1]);
    const train = async (fs: FileSystem, crashAfter = Infinity) => {
      const model = tf.sequential({
        layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "zeros" })],
      });
      model.compile({ optimizer: tf.train.adam(0.01), loss: "meanSquaredError" });
      const finder = new LearningRateFinder({ steps: 6, afterwards: "train", verbose: 0 });
      const { history } = await fit(model, x, x.mul(3), {
        epochs: 3,
        batchSize: 3,
        seed: 1,
        verbose: 0,
        callbacks: [
          finder,
          new BackupAndRestore("backup", { fs, saveFreq: 1, saveOnBackground: false }),
          {
            onTrainBatchEnd() {
              if (--crashAfter === 0) throw new Error("crash");
            },
          },
        ],
      });
      const { learningRates, losses, smoothedLosses, suggestion } = finder;
      const weights = model.getWeights().map((weight) => Array.from(weight.dataSync()));
      return { weights, history, learningRates, losses, smoothedLosses, suggestion };
    };
    const whole = await train(memoryFileSystem());
    assert.notEqual(whole.suggestion, undefined);
    for (const batches of [1, 3, 4, 5, 6, 7, 10]) {
      const fs = memoryFileSystem();
      await assert.rejects(train(fs, batches), /crash/);
      assert.deepEqual(await train(fs), whole, `after batch ${batches}`);
    }
  });
});
