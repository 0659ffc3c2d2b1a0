import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { History } from "../core/history.ts";
import type { Logs } from "../core/logs.ts";
import { getLearningRate } from "../core/model.ts";
import { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from "./reduce_lr_on_plateau.ts";
import { captured, drive, losses } from "./fixtures.ts";

/** The rate after each epoch, as the exponent k if it is 0.1 ** k. */
async function rates(options: ReduceLROnPlateauOptions, epochs: object[]) {
  const model = { optimizer: tf.train.sgd(0.1) };
  const reduce = new ReduceLROnPlateau({ monitor: "loss", ...options });
  const after: number[] = [];
  const waits: number[] = [];
  const history = new History();
  const spy = {
    onEpochEnd() {
      after.push(Number(getLearningRate(model).toPrecision(12)));
      waits.push(reduce.wait);
    },
  };
  await captured(() => drive([reduce, spy, history], epochs, { model }));
  const logged = history.history.learning_rate.map((rate) => Number(rate.toPrecision(12)));
  return { after, waits, logged };
}

const constant = (epochs: number) => losses(...Array(epochs).fill(1));

describe("ReduceLROnPlateau", () => {
  it("ReduceLROnPlateau treats a product that equals minLr except for its last digits as minLr", async () => {
    // 0.1 * 0.1 is 0.010000000000000002, and 0.01 * 0.4 * 0.4 * 0.4 is less than 0.00064.
    for (
      const [rate, minLr, factor, printedRates] of [
        [0.1, 0.01, 0.1, ["0.01"]],
        [1e-3, 1e-6, 0.1, ["0.0001", "1e-05", "1e-06"]],
        [0.3, 0.003, 0.1, ["0.03", "0.003"]],
        [0.01, 0.00064, 0.4, ["0.004", "0.0016", "0.00064"]],
        [0.1, 0, 0.1, ["0.01", "0.001", "0.0001", "1e-05", "1e-06"]],
      ] as const
    ) {
      const model = { optimizer: tf.train.sgd(rate) };
      const options = { monitor: "loss", patience: 1, verbose: 1, minLr, factor };
      const reduce = new ReduceLROnPlateau(options);
      const { printed } = await captured(() => drive(reduce, constant(6), { model }));
      assert.deepEqual(
        printed.map((line) => /learning rate to (.*)\.$/.exec(line)?.[1]),
        [...printedRates],
      );
      if (minLr > 0) assert.equal(getLearningRate(model), minLr);
      assert.equal(reduce.wait, 5 - printedRates.length);
    }
  });

  it("ReduceLROnPlateau reduces when Keras does", async () => {
    const table: [ReduceLROnPlateauOptions, object[], number[]][] = [
      [{ patience: 1 }, constant(4), [.1, .01, .001, 1e-4]],
      [{ patience: 0 }, constant(4), [.1, .01, .001, 1e-4]],
      [
        { patience: 2, cooldown: 2 },
        constant(8),
        [.1, .1, .01, .01, .01, .001, .001, .001],
      ],
      [
        { patience: 1, cooldown: 2 },
        constant(8),
        [.1, .01, .01, .001, .001, 1e-4, 1e-4, 1e-5],
      ],
      [{ patience: 1, cooldown: 1 }, constant(4), [.1, .01, .001, 1e-4]],
      [{ patience: 2 }, [{ loss: 1 }, {}, { loss: 1 }, { loss: 1 }], [.1, .1, .1, .01]],
      [
        { patience: 1 },
        losses(1, .99995, .9999, .9998, .99985),
        [.1, .01, .001, .001, 1e-4],
      ],
      [{ patience: 1, minDelta: 10, minLr: .005 }, losses(4, 3, 2, 1), [.1, .01, .005, .005]],
    ];
    for (const [options, epochs, expected] of table) {
      assert.deepEqual((await rates(options, epochs)).after, expected, JSON.stringify(options));
    }
  });

  it("ReduceLROnPlateau prints nothing at the minimum rate", async () => {
    const { after, waits } = await rates({ patience: 1, minLr: .05 }, constant(4));
    assert.deepEqual(after, [.1, .05, .05, .05]);
    assert.deepEqual(waits, [0, 0, 1, 2]);
  });

  it("ReduceLROnPlateau waits for the whole cooldown with fullCooldown", async () => {
    const rest = async (cooldown: number) =>
      (await rates({ patience: 1, cooldown, fullCooldown: true }, constant(5))).after;
    assert.deepEqual(await rest(1), [.1, .01, .01, .001, .001]);
    assert.deepEqual(await rest(2), [.1, .01, .01, .01, .001]);
  });

  it("ReduceLROnPlateau records a best value during the cooldown", async () => {
    const { after } = await rates({ patience: 1, cooldown: 2 }, losses(3, 3, 1, 2));
    assert.deepEqual(after, [.1, .01, .01, .001]);
  });

  it("ReduceLROnPlateau logs the rate that the epoch was trained with, before any reduction", async () => {
    assert.deepEqual((await rates({ patience: 1 }, constant(3))).logged, [.1, .1, .01]);
    assert.deepEqual((await rates({ patience: 1 }, [{}, {}])).logged, [.1, .1]);
  });

  it("ReduceLROnPlateau prints the 1-based epoch and the new rate only when verbose", async () => {
    const say = async (verbose: number) => {
      const model = { optimizer: tf.train.sgd(0.5) };
      const reduce = new ReduceLROnPlateau({ monitor: "loss", patience: 1, factor: 0.5, verbose });
      return (await captured(() => drive(reduce, constant(2), { model }))).printed;
    };
    assert.deepEqual(await say(1), [
      "Epoch 2: ReduceLROnPlateau reducing learning rate to 0.25.",
    ]);
    assert.deepEqual(await say(0), []);
  });

  it("ReduceLROnPlateau resets in each run, and continues from a state", async () => {
    const model = { optimizer: tf.train.sgd(0.1) };
    const reduce = new ReduceLROnPlateau({ monitor: "loss", patience: 3, cooldown: 2 });
    await drive(reduce, constant(3), { model });
    assert.equal(reduce.wait, 2);
    const state = reduce.getState();

    const resumed = new ReduceLROnPlateau({ monitor: "loss", patience: 3, cooldown: 2 });
    resumed.setState(structuredClone(state));
    await drive(resumed, constant(1), { model });
    assert.equal(getLearningRate(model).toPrecision(6), "0.0100000");
    assert.equal(resumed.cooldownCounter, 2);

    await drive(resumed, losses(7), { model });
    assert.deepEqual(resumed.getState(), { best: 7, wait: 0, cooldownCounter: 0 });
  });

  it("ReduceLROnPlateau fails before the first batch without an optimizer or a direction", async () => {
    await assert.rejects(drive(new ReduceLROnPlateau(), losses(1)), /onTrainBegin.*learning rate/);
    await assert.rejects(
      drive(new ReduceLROnPlateau({ monitor: "score" }), [{ score: 1 }], {
        model: { optimizer: tf.train.sgd(0.1) },
        params: { metrics: ["loss", "score"] },
      }),
      /onTrainBegin.*mode/,
    );
  });

  it("ReduceLROnPlateau accepts a relative minDelta, and a function as monitor", async () => {
    const values = losses(100, 95, 89, 85, 84);
    const relative = { patience: 1, minDelta: 0.1, minDeltaMode: "relative" } as const;
    assert.deepEqual((await rates(relative, values)).after, [.1, .01, .01, .001, .0001]);
    const doubled = { patience: 1, monitor: (logs: Logs) => 2 * logs.loss, mode: "min" } as const;
    assert.deepEqual((await rates(doubled, losses(2, 1, 1))).after, [.1, .1, .01]);
  });

  it("ReduceLROnPlateau rejects a factor that does not reduce", () => {
    for (const factor of [1, 2, -0.1, NaN]) {
      assert.throws(() => new ReduceLROnPlateau({ factor }), RangeError);
    }
    assert.throws(() => new ReduceLROnPlateau({ minLr: -1 }), RangeError);
    assert.throws(() => new ReduceLROnPlateau({ cooldown: "2" as never }), TypeError);
  });
});
