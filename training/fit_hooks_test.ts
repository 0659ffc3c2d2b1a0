import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { Callback, CallbackList, evaluate, fit, History, type Logs, type Params } from "keepfit";
import { warned } from "./fixtures.ts";

/** y = 2x - 1 with one weight and one bias. */
function line(compile: Partial<tf.ModelCompileArgs> = {}): tf.Sequential {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError", ...compile });
  return model;
}

const x = tf.tensor2d([[0], [1], [2], [3], [4], [5]]);
const y = x.mul(2).sub(1);
const quiet = { verbose: 0 } as const;

/** A callback that records every hook call with its arguments. */
function recorder(): Callback & { recorded: unknown[][] } {
  const recorder = Object.assign(new Callback(), { recorded: [] as unknown[][] });
  for (
    const hook of [
      "onTrainBegin",
      "onTrainEnd",
      "onEpochBegin",
      "onEpochEnd",
      "onTrainBatchBegin",
      "onTrainBatchEnd",
      "onTestBegin",
      "onTestEnd",
      "onTestBatchBegin",
      "onTestBatchEnd",
      "onException",
      "close",
    ] as const
  ) {
    recorder[hook] = (...args: unknown[]) => {
      const readable = args.map((one) =>
        typeof one === "object" ? Object.keys(one as object) : one
      );
      recorder.recorded.push([hook, ...readable]);
    };
  }
  return recorder;
}

describe("fit calling hooks", () => {
  it("fit calls hooks in Keras's order, with Keras's logs, including validation", async () => {
    const callback = recorder();
    await fit(line({ metrics: ["mae"] }), x, y, {
      ...quiet,
      batchSize: 3,
      validationData: [x, y],
      validationBatchSize: 4,
      callbacks: callback,
    });
    const keys = ["loss", "mae"];
    assert.deepEqual(callback.recorded, [
      ["onTrainBegin", []],
      ["onEpochBegin", 0, []],
      ["onTrainBatchBegin", 0, []],
      ["onTrainBatchEnd", 0, keys],
      ["onTrainBatchBegin", 1, []],
      ["onTrainBatchEnd", 1, keys],
      ["onTestBegin", []],
      ["onTestBatchBegin", 0, []],
      ["onTestBatchEnd", 0, keys],
      ["onTestBatchBegin", 1, []],
      ["onTestBatchEnd", 1, keys],
      ["onTestEnd", keys],
      ["onEpochEnd", 0, ["loss", "mae", "val_loss", "val_mae"]],
      ["onTrainEnd", ["loss", "mae", "val_loss", "val_mae"]],
      ["close"],
    ]);
  });

  it("fit passes the means of the epoch so far, weighted by rows", async () => {
    const seen: number[] = [];
    const model = line({ optimizer: tf.train.sgd(0), loss: "meanAbsoluteError" });
    tf.tidy(() => model.setWeights([tf.zeros([1, 1]), tf.zeros([1])]));
    await fit(model, x, x, {
      ...quiet,
      epochs: 2,
      batchSize: 4,
      shuffle: false,
      callbacks: { onTrainBatchEnd: (_batch, { loss }) => seen.push(loss) },
    });
    assert.deepEqual(seen, [1.5, 2.5, 1.5, 2.5]);
  });

  it("fit passes logs that a callback adds to later ones, but not to onTrainEnd", async () => {
    let last: Logs = {};
    const history = await fit(line(), x, y, {
      ...quiet,
      callbacks: [
        { onEpochEnd: (_epoch, logs) => void (logs.learning_rate = 0.1) },
        { onTrainEnd: (logs) => void (last = logs) },
      ],
    });
    assert.deepEqual(history.history.learning_rate, [0.1]);
    assert.deepEqual(Object.keys(last), ["loss"]);
  });

  it("fit passes the same model object, and the params of the run", async () => {
    const model = line({ metrics: ["accuracy"] });
    let params: Params | null = null;
    let seen: unknown;
    class Mine extends Callback {
      override onTrainBegin() {
        seen = this.model;
        params = this.params;
      }
    }
    await fit(model, x, y, {
      verbose: 0,
      epochs: 7,
      initialEpoch: 6,
      batchSize: 4,
      seed: 5,
      validationSplit: 0.5,
      callbacks: new Mine(),
    });
    assert.equal(seen, model);
    assert.deepEqual(params, {
      verbose: 0,
      epochs: 7,
      initialEpoch: 6,
      steps: 1,
      batchSize: 4,
      samples: 3,
      doValidation: true,
      validation: { samples: 3, steps: 1 },
      metrics: ["accuracy", "loss", "val_accuracy", "val_loss"],
      directions: { accuracy: "max" },
      seed: 5,
      shuffle: true,
    });
  });

  it("fit passes empty logs for batches that no callback reads", async () => {
    const seen: number[] = [];
    await fit(line(), x, y, {
      ...quiet,
      batchSize: 2,
      callbacks: {
        readsBatchLogs: (batch) => batch === 2,
        onTrainBatchEnd: (_batch, logs) => seen.push(Object.keys(logs).length),
      },
    });
    assert.deepEqual(seen, [0, 0, 1]);
  });

  it("fit calls tfjs's own callbacks", async () => {
    const seen: unknown[] = [];
    class Theirs extends tf.Callback {
      override async onBatchEnd(batch: number, logs?: tf.Logs) {
        seen.push(batch, typeof logs?.loss);
      }
    }
    const history = await fit(line({ optimizer: tf.train.sgd(0) }), x, y, {
      ...quiet,
      epochs: 9,
      shuffle: false,
      callbacks: [new Theirs(), tf.callbacks.earlyStopping({ monitor: "loss", patience: 2 })],
    });
    assert.deepEqual(seen.slice(0, 2), [0, "number"]);
    assert.deepEqual(history.epoch, [0, 1, 2]);
  });
});

describe("fit with a CallbackList", () => {
  it("fit with a CallbackList passes it model and params, adds nothing to it, and still returns the history", async () => {
    const seen: unknown[] = [];
    const list = new CallbackList({
      setModel: (model: unknown) => void seen.push(model),
      setParams: (params) => void seen.push(params.epochs),
      close: () => seen.push("closed"),
    });
    const model = line();
    const history = await fit(model, x, y, { ...quiet, epochs: 2, callbacks: list });
    assert.deepEqual(seen, [model, 2, "closed"]);
    assert.equal(list.callbacks.length, 1);
    assert.equal(history.history.loss.length, 2);

    const mine = new History();
    const ready = new CallbackList(mine);
    assert.equal(await fit(model, x, y, { ...quiet, callbacks: ready }), mine);
  });
});

describe("fit with failing callbacks", () => {
  it("fit closes every callback even when model or params cannot be passed", async () => {
    const seen: string[] = [];
    const run = fit(line(), x, y, {
      ...quiet,
      callbacks: [
        { onException: () => seen.push("failed"), close: () => seen.push("closed") },
        {
          name: "picky",
          setModel() {
            throw new Error("rejected");
          },
        },
      ],
    });
    await assert.rejects(run, { message: "Callback picky failed in setModel: rejected" });
    assert.deepEqual(seen, ["failed", "closed"]);
  });

  it("fit closes every callback after a hook throws, and reports a failing close second", async () => {
    const first = new Error("first");
    const seen: unknown[] = [];
    const messages = await warned(async () => {
      const run = fit(line(), x, y, {
        ...quiet,
        callbacks: [
          {
            name: "a",
            close() {
              throw new Error("second");
            },
          },
          {
            name: "b",
            onEpochEnd() {
              throw first;
            },
          },
          {
            onException: (error) => seen.push((error as Error).cause),
            onTrainEnd: () => seen.push("never"),
            close: () => seen.push("closed"),
          },
        ],
      });
      await assert.rejects(run, {
        message: "Callback b failed in onEpochEnd (epoch 0): first",
        cause: first,
      });
    });
    assert.deepEqual(seen, [first, "closed"]);
    assert.deepEqual(messages, ["keepfit: Callback a failed in close: second"]);
  });

  it("fit continues without a callback that may be disabled, and records that in the history", async () => {
    const messages = await warned(async () => {
      const history = await fit(line(), x, y, {
        ...quiet,
        epochs: 3,
        onError: "disable",
        callbacks: {
          name: "a",
          onEpochEnd() {
            throw new Error("oh");
          },
        },
      });
      assert.equal(history.epoch.length, 3);
      assert.deepEqual(history.failures.map(({ callback, hook }) => [callback, hook]), [
        ["a", "onEpochEnd"],
      ]);
    });
    assert.deepEqual(messages, [
      "keepfit: Callback a failed in onEpochEnd (epoch 0): oh; it is disabled for the rest of this run",
      "keepfit: 1 callback was disabled in this run: a (onEpochEnd, epoch 0: oh)",
    ]);
  });

  it("fit allows the model to be trained again after a failure", async () => {
    const model = line();
    const fails = {
      onEpochBegin() {
        throw new Error("oh");
      },
    };
    await assert.rejects(fit(model, x, y, { ...quiet, callbacks: fails }));
    assert.equal((await fit(model, x, y, quiet)).epoch.length, 1);
    assert.equal((await model.fit(x, y, { verbose: 0 })).epoch.length, 1);
  });
});

describe("onYield, a hook of TensorFlow.js", () => {
  const yields = async (options: object, epochs = 2) => {
    const seen: unknown[][] = [];
    const callbacks = {
      onYield: (epoch: number, batch: number, logs: Logs) => {
        seen.push([epoch, batch, Object.keys(logs)]);
      },
    };
    await fit(line(), x, y, { ...quiet, batchSize: 3, epochs, callbacks, ...options });
    return seen;
  };

  it("onYield receives epoch, batch and logs after the loop has yielded", async () => {
    const each = [[0, 0], [0, 1], [1, 0], [1, 1]];
    for (const yieldEvery of ["batch", 0] as const) {
      assert.deepEqual(await yields({ yieldEvery }), each.map((where) => [...where, ["loss"]]));
    }
    assert.deepEqual(await yields({ yieldEvery: "epoch" }), [[0, 1, ["loss"]], [1, 1, ["loss"]]]);
    assert.deepEqual(await yields({ yieldEvery: 1e9 }), []);
  });

  it("onYield is rejected if it would never be called", async () => {
    await assert.rejects(yields({ yieldEvery: "never" }), {
      name: "RangeError",
      message: /yieldEvery "never" with a callback that has onYield/,
    });
  });
});

describe("A callback in two concurrent runs", () => {
  class Counter extends Callback {
    count = 0;
    override onEpochEnd() {
      this.count++;
    }
  }
  const options = { ...quiet, epochs: 2, yieldEvery: "batch" } as const;
  const refused = {
    name: "CallbackError",
    code: "CALLBACK_DUPLICATE",
    message:
      /^Cannot use Counter in two concurrent runs, because it has one state; create a second one/,
  };

  it("A callback in two concurrent runs is rejected, and the first run continues with it", async () => {
    const counter = new Counter();
    const first = fit(line(), x, y, { ...options, callbacks: [counter] });
    // It is claimed when the data is ready.
    await Promise.allSettled([
      assert.rejects(fit(line(), x, y, { ...options, callbacks: [counter] }), refused),
      first,
    ]).then(([second, done]) => {
      assert.deepEqual([second.status, done.status], ["fulfilled", "fulfilled"]);
    });
    assert.equal(counter.count, 2);
  });

  it("A callback in two concurrent runs is rejected inside a hook of the other run, even in evaluate", async () => {
    const counter = new Counter();
    const model = line();
    const inner = { onEpochEnd: () => evaluate(model, x, y, { ...quiet, callbacks: [counter] }) };
    await assert.rejects(fit(model, x, y, { ...options, callbacks: [counter, inner] }), {
      name: "CallbackError",
      message: /Cannot use Counter in two concurrent runs/,
    });
  });

  it("A callback may serve one run after another, even after one that failed", async () => {
    const counter = new Counter();
    const fails = () => {
      throw new Error("oh");
    };
    await assert.rejects(fit(line(), x, y, {
      ...options,
      callbacks: [counter, { onTrainEnd: fails }],
    }));
    await fit(line(), x, y, { ...options, callbacks: [counter] });
    assert.equal(counter.count, 4);
  });

  it("A CallbackList is rejected in two concurrent runs, but a plain object of hooks is not", async () => {
    const list = new CallbackList([{ onEpochEnd() {} }]);
    const runs = () => fit(line(), x, y, { ...options, callbacks: list });
    const results = await Promise.allSettled([runs(), runs()]);
    assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    let ends = 0;
    const shared = { onEpochEnd: () => void ends++ };
    await Promise.all([0, 1].map(() => fit(line(), x, y, { ...options, callbacks: shared })));
    assert.equal(ends, 4);
  });
});
