import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  BackupAndRestore,
  type CallbackLike,
  fit,
  GradualUnfreezing,
  setRandomSeed,
  type UnfreezingSchedule,
} from "keepfit";
import { memoryFileSystem } from "../runtime/mod.ts";
import { tensorsLeft } from "../training/fixtures.ts";

const x = tf.tensor2d([[1, 2], [3, -1], [0, 4], [2, 2]]);
const y = tf.tensor2d([[3], [-2], [8], [1]]);
const options = { batchSize: 2, seed: 3, verbose: 0 } as const;

function stack(): tf.LayersModel {
  setRandomSeed(tf, 1);
  const layers = ["low", "middle", "head"].map((name, i) =>
    tf.layers.dense({ units: 2 - Math.floor(i / 2), name, ...(i === 0 && { inputShape: [2] }) })
  );
  const model = tf.sequential({ layers });
  model.compile({ optimizer: "adam", loss: "meanSquaredError" });
  return model;
}

const kernel = (model: tf.LayersModel, name: string) =>
  Array.from(model.getLayer(name).getWeights()[0].dataSync());

/** Which layers changed in each epoch. */
function changes(
  model: tf.LayersModel,
  names: string[],
): { seen: string[]; callback: CallbackLike } {
  const seen: string[] = [];
  let last: number[][] = [];
  const read = () => names.map((name) => kernel(model, name));
  return {
    seen,
    callback: {
      onEpochBegin: () => void (last = read()),
      onEpochEnd: () => {
        const now = read();
        seen.push(names.filter((_, i) => String(now[i]) !== String(last[i])).join(" "));
      },
    },
  };
}

describe("GradualUnfreezing", () => {
  const schedule = { 1: "middle", 3: ["low"] };

  it("GradualUnfreezing trains the layers from their epochs on with every optimizer, without leaking tensors", async () => {
    const optimizers = [
      tf.train.sgd(0.01),
      tf.train.momentum(0.01, 0.9),
      tf.train.adam(0.01),
      tf.train.adamax(0.01),
      tf.train.rmsprop(0.01),
      tf.train.adagrad(0.01),
      tf.train.adadelta(1e-5),
    ];
    for (const optimizer of optimizers) {
      const model = stack();
      model.compile({ optimizer, loss: "meanSquaredError" });
      const { seen, callback } = changes(model, ["low", "middle", "head"]);
      await fit(model, x, y, {
        ...options,
        epochs: 4,
        callbacks: [callback, new GradualUnfreezing(schedule)],
      });
      assert.deepEqual(seen, ["head", "middle head", "middle head", "low middle head"]);
    }
    const model = stack();
    await fit(model, x, y, options);
    const run = () =>
      fit(model, x, y, { ...options, epochs: 4, callbacks: new GradualUnfreezing(schedule) });
    assert.equal(await tensorsLeft(run), 0);
  });

  it("GradualUnfreezing keeps the optimizer's state of each weight", async () => {
    const model = stack();
    const slotsOf = (name: string) => {
      const optimizer = model.optimizer as unknown as {
        accumulatedFirstMoment: { originalName: string; variable: tf.Variable }[];
      };
      const layer = model.getLayer(name).weights[0].read() as tf.Variable;
      return optimizer.accumulatedFirstMoment
        .filter(({ originalName }) => originalName === `${layer.name}/m`)
        .map(({ variable }) => Array.from(variable.dataSync()));
    };
    const head: number[][][] = [];
    await fit(model, x, y, {
      ...options,
      epochs: 2,
      callbacks: [
        { onEpochEnd: () => void head.push(slotsOf("head")) },
        {
          onEpochBegin: (epoch) => {
            if (epoch === 1) assert.deepEqual(slotsOf("head"), head[0]);
          },
        },
        new GradualUnfreezing({ 1: ["low", "middle"] }),
        {
          onEpochBegin: (epoch) => {
            if (epoch !== 1) return;
            // The slots of the head, now at the third position; those of other layers start at
            // zero.
            assert.deepEqual(slotsOf("head"), head[0]);
            assert.deepEqual(slotsOf("low"), [[0, 0, 0, 0]]);
          },
        },
      ],
    });
    assert.equal(head.length, 2);
  });

  it("GradualUnfreezing finds layers in nested models, and whole nested models", async () => {
    const make = () => {
      const inputs = tf.input({ shape: [2] });
      const base = tf.sequential({
        name: "base",
        layers: ["a", "b"].map((name) => tf.layers.dense({ units: 2, name, inputShape: [2] })),
      });
      base.trainable = false;
      const head = tf.layers.dense({ units: 1, name: "head" });
      const outputs = head.apply(base.apply(inputs)) as tf.SymbolicTensor;
      const model = tf.model({ inputs, outputs });
      model.compile({ optimizer: "adam", loss: "meanSquaredError" });
      return { model, base };
    };
    const cases: [UnfreezingSchedule, string[]][] = [
      [{ 1: "base/b", 2: "base/a" }, ["", "b", "a b"]],
      [{ 1: "base" }, ["", "a b", "a b"]],
    ];
    for (const [schedule, expected] of cases) {
      const { model, base } = make();
      const { seen, callback } = changes(base, ["a", "b"]);
      await fit(model, x, y, {
        ...options,
        epochs: 3,
        callbacks: [callback, new GradualUnfreezing(schedule)],
      });
      assert.deepEqual(seen, expected);
    }
  });

  it("GradualUnfreezing starts a run at a later epoch with the layers that are due", async () => {
    const model = stack();
    const { seen, callback } = changes(model, ["low", "middle", "head"]);
    await fit(model, x, y, {
      ...options,
      initialEpoch: 2,
      epochs: 4,
      callbacks: [new GradualUnfreezing(schedule), callback],
    });
    assert.deepEqual(seen, ["middle head", "low middle head"]);
  });

  it("GradualUnfreezing resumes as if uninterrupted, bit for bit", async () => {
    const weights = (model: tf.LayersModel) =>
      ["low", "middle", "head"].map((name) => kernel(model, name));
    const run = async (model: tf.LayersModel, others: CallbackLike[]) => {
      const callbacks = [new GradualUnfreezing(schedule), ...others];
      await fit(model, x, y, { ...options, epochs: 5, callbacks });
    };
    const whole = stack();
    await run(whole, []);
    for (const crash of [1, 2, 4]) {
      const fs = memoryFileSystem();
      const crashes = {
        onEpochBegin: (epoch: number) => {
          if (epoch === crash) throw new Error("power cut");
        },
      };
      await assert.rejects(run(stack(), [crashes, new BackupAndRestore("backup", { fs })]));
      const resumed = stack();
      await run(resumed, [new BackupAndRestore("backup", { fs })]);
      assert.deepEqual(weights(resumed), weights(whole), `crash in epoch ${crash}`);
    }
  });

  it("GradualUnfreezing discards a restored state if the run fails before it begins", async () => {
    const callback = new GradualUnfreezing(schedule);
    callback.setState({ epoch: 3 });
    const failing = { beforeTrainBegin: () => Promise.reject(new Error("fails")) };
    const failed = fit(stack(), x, y, { ...options, callbacks: [failing, callback] });
    await assert.rejects(failed, /fails/);
    const model = stack();
    const { seen, callback: looking } = changes(model, ["low", "middle"]);
    await fit(model, x, y, { ...options, epochs: 2, callbacks: [callback, looking] });
    assert.deepEqual(seen, ["", "middle"]);
  });

  it("GradualUnfreezing rejects unknown layer names before the first batch, and invalid schedules", async () => {
    const callbacks = [new GradualUnfreezing({ 1: "midle" })];
    await assert.rejects(fit(stack(), x, y, { ...options, callbacks }), {
      name: "CallbackError",
      message: /Cannot unfreeze the layer "midle": .* did you mean 'middle'\?/,
    });
    for (const schedule of [undefined, {}, [], { 1: 5 }, "middle"]) {
      assert.throws(() => new GradualUnfreezing(schedule as never), /GradualUnfreezing.*schedule/);
    }
    assert.throws(() => new GradualUnfreezing({ early: "middle" } as never), RangeError);
  });

  it("GradualUnfreezing prints the trained layers when verbose", async () => {
    const lines: string[] = [];
    const { log } = console;
    console.log = (line: string) => void lines.push(line);
    try {
      await fit(stack(), x, y, {
        ...options,
        epochs: 4,
        callbacks: new GradualUnfreezing(schedule, { verbose: 1 }),
      });
    } finally {
      console.log = log;
    }
    assert.deepEqual(lines, [
      "Epoch 2: GradualUnfreezing trains middle",
      "Epoch 4: GradualUnfreezing trains low",
    ]);
  });
});
