import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { Callback, type CallbackLike, History, type Params, toTfjs } from "keepfit";

const x = tf.range(0, 6).reshape([6, 1]);
const y = x.mul(2);

function line(metrics: string[] = []): tf.Sequential {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: tf.train.sgd(0.01), loss: "meanSquaredError", metrics });
  return model;
}

describe("toTfjs", () => {
  it("toTfjs calls the hooks in tfjs's fit, with numbers and both names of an accuracy", async () => {
    const seen: unknown[] = [];
    const model = line(["accuracy"]);
    const callback: CallbackLike = {
      onTrainBegin: (logs) => seen.push(["begin", logs]),
      onEpochBegin: (epoch) => seen.push(["epoch", epoch]),
      onTrainBatchBegin: (batch) => seen.push(["batch", batch]),
      onTrainBatchEnd: (batch, logs) => seen.push(["batch end", batch, Object.keys(logs)]),
      onEpochEnd: (epoch, logs) =>
        seen.push([
          "epoch end",
          epoch,
          Object.keys(logs),
          typeof logs.loss,
          logs.accuracy === logs.acc,
        ]),
      onTrainEnd: () => seen.push(["end"]),
      close: () => seen.push(["closed"]),
    };
    await model.fit(x, y, {
      verbose: 0,
      batchSize: 6,
      validationData: [x, y],
      callbacks: toTfjs([callback, null], model),
    });
    assert.deepEqual(seen, [
      ["begin", {}],
      ["epoch", 0],
      ["batch", 0],
      ["batch end", 0, ["acc", "loss"]],
      ["epoch end", 0, ["acc", "loss", "val_acc", "val_loss"], "number", true],
      ["end"],
      ["closed"],
    ]);
  });

  it("toTfjs passes the model, and the params under keepfit's names", async () => {
    let params: Params | null = null;
    const models: unknown[] = [];
    class Mine extends Callback {
      override onTrainBegin() {
        models.push(this.model);
        params = this.params;
      }
    }
    const model = line();
    await model.fit(x, y, {
      verbose: 0,
      epochs: 4,
      initialEpoch: 3,
      batchSize: 4,
      callbacks: toTfjs(new Mine(), model),
    });
    assert.deepEqual(params, {
      verbose: 0,
      epochs: 4,
      steps: 2,
      initialEpoch: 3,
      batchSize: 4,
      samples: 6,
      doValidation: false,
      metrics: ["loss"],
    });
    assert.deepEqual(models, [model]);
  });

  it("toTfjs fails without the model, which tfjs does not pass", () => {
    assert.throws(() => toTfjs([], undefined as never), {
      name: "TypeError",
      message: /without the model: call toTfjs\(callbacks, model\)/,
    });
  });

  it("toTfjs lets a callback stop training, even in fitDataset", async () => {
    class Stop extends Callback {
      override onEpochEnd(epoch: number) {
        if (epoch === 1) this.model.stopTraining = true;
      }
    }
    const model = line();
    const history = new History();
    const callbacks = () => toTfjs([new Stop(), history], model);
    await model.fit(x, y, { verbose: 0, epochs: 9, callbacks: callbacks() });
    assert.deepEqual(history.epoch, [0, 1]);
    const dataset = tf.data.array([{ xs: [1], ys: [1] }]).batch(1);
    await model.fitDataset(dataset as tf.data.Dataset<tf.TensorContainer>, {
      verbose: 0,
      epochs: 9,
      callbacks: callbacks(),
    });
    assert.deepEqual(history.epoch, [0, 1]);
  });

  it("toTfjs closes every callback when a hook fails, and reports that hook", async () => {
    for (
      const hook of ["onTrainBegin", "onEpochBegin", "onTrainBatchEnd", "onEpochEnd", "onTrainEnd"]
    ) {
      const seen: unknown[] = [];
      const model = line();
      const callbacks = toTfjs([
        {
          name: "bad",
          [hook]() {
            throw new Error("oh");
          },
        },
        { onException: () => seen.push("failed"), close: () => seen.push("closed") },
      ], model);
      await assert.rejects(model.fit(x, y, { verbose: 0, callbacks }), {
        name: "CallbackError",
        message: new RegExp(`^Callback bad failed in ${hook}.*: oh$`),
      });
      assert.deepEqual(seen, ["failed", "closed"]);
    }
  });

  it("toTfjs keeps batch logs on the device if no callback has a batch hook", () => {
    const hooks = Object.keys(toTfjs({ onEpochEnd() {} }, line()));
    assert.equal(hooks.includes("onBatchEnd"), false);
    assert.equal(hooks.includes("onBatchBegin"), false);
    assert.equal(hooks.includes("onEpochEnd"), true);
  });
});
