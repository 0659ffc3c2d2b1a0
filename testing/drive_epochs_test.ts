import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Callback, EarlyStopping, ReduceLROnPlateau } from "keepfit";
import { driveEpochs, scriptedModel } from "keepfit/testing";

describe("driveEpochs", () => {
  it("driveEpochs calls every hook in the order of fit", async () => {
    const { calls } = await driveEpochs({ onTrainBegin() {} }, {
      epochs: [{ loss: 2, val_loss: 3 }, { loss: 1 }],
      batches: 1,
    });
    assert.deepEqual(
      calls.map(({ hook, index }) => index === undefined ? hook : `${hook} ${index}`),
      [
        "onTrainBegin",
        "onEpochBegin 0",
        "onTrainBatchBegin 0",
        "onTrainBatchEnd 0",
        "onTestBegin",
        "onTestBatchBegin 0",
        "onTestBatchEnd 0",
        "onTestEnd",
        "onEpochEnd 0",
        "onEpochBegin 1",
        "onTrainBatchBegin 0",
        "onTrainBatchEnd 0",
        "onEpochEnd 1",
        "onTrainEnd",
      ],
    );
  });

  it("driveEpochs passes training logs to batches, validation logs to validation, and none to callbacks that do not read them", async () => {
    const script = { epochs: [{ loss: 2, val_loss: 3 }], batches: 1 };
    const reading = await driveEpochs({ onTrainBatchEnd() {} }, script);
    const logsOf = (hook: string) => reading.calls.find((call) => call.hook === hook)?.logs;
    assert.deepEqual(logsOf("onTrainBatchEnd"), { loss: 2 });
    assert.deepEqual(logsOf("onTestEnd"), { loss: 3 });
    assert.deepEqual(logsOf("onEpochEnd"), { loss: 2, val_loss: 3 });
    const { calls } = await driveEpochs({ onEpochEnd() {} }, script);
    assert.deepEqual(calls.find((call) => call.hook === "onTrainBatchEnd")?.logs, {});
  });

  it("driveEpochs returns the logs that callbacks added, the rates they set and the stop", async () => {
    const reduce = new ReduceLROnPlateau({ monitor: "loss", patience: 1, factor: 0.5 });
    const { logs, learningRates, stoppedAt, model } = await driveEpochs(
      [reduce, new EarlyStopping({ monitor: "loss", patience: 2 })],
      {
        epochs: [{ loss: 1 }, { loss: 2 }, { loss: 2 }, { loss: 0 }],
        model: scriptedModel({ learningRate: 0.1 }),
      },
    );
    assert.deepEqual(learningRates, [0.05, 0.025]);
    assert.deepEqual(logs.map((one) => one.learning_rate), [0.1, 0.1, 0.05]);
    assert.equal(stoppedAt, 2);
    assert.equal(model.stopTraining, true);
  });

  it("driveEpochs throws errors of callbacks, and records those that a policy allows", async () => {
    const broken = {
      name: "broken",
      onEpochEnd() {
        throw new Error("intended");
      },
    };
    const epochs = [{ loss: 1 }];
    await assert.rejects(
      driveEpochs(broken, { epochs }),
      /broken failed in onEpochEnd.*intended/,
    );
    const { failures } = await driveEpochs({ ...broken, onError: "disable" }, { epochs });
    assert.deepEqual(failures.map(({ callback, hook }) => [callback, hook]), [[
      "broken",
      "onEpochEnd",
    ]]);
  });

  it("driveEpochs lets training fail in the epoch of failAt", async () => {
    const seen: string[] = [];
    const { calls } = await driveEpochs({
      onException: (error) => void seen.push(String(error)),
      close: () => void seen.push("close"),
    }, { epochs: [{ loss: 2 }, { loss: 1 }, { loss: 0 }], failAt: 1 });
    assert.match(seen[0], /training fails in epoch 1/);
    assert.equal(seen[1], "close");
    assert.equal(calls.at(-1)?.hook, "onException");
  });

  it("driveEpochs starts at a later epoch", async () => {
    const { calls } = await driveEpochs({ onEpochEnd() {} }, {
      epochs: [{ loss: 1 }, { loss: 2 }],
      batches: 0,
      params: { initialEpoch: 3 },
    });
    const ends = calls.filter(({ hook }) => hook === "onEpochEnd");
    assert.deepEqual(ends.map(({ index, logs }) => [index, logs.loss]), [[3, 1], [4, 2]]);
  });
});

describe("scriptedModel", () => {
  it("scriptedModel keeps its weights separate from their handles, and counts the handles", async () => {
    const model = scriptedModel({ weights: [[1, 2]] });
    const [weight] = model.getWeights();
    const kept = weight.clone();
    const buffer = await weight.buffer();
    buffer.values = Float32Array.of(5, 6);
    const made = buffer.toTensor();
    assert.equal(model.handles, 2);
    model.setWeights([made]);
    assert.deepEqual([...await weight.data() as Float32Array], [5, 6]);
    assert.deepEqual([...await kept.data() as Float32Array], [1, 2]);
    kept.dispose();
    kept.dispose();
    made.dispose();
    assert.equal(model.handles, 0);
    assert.throws(() => model.setWeights([]), /found shapes ; expected \[2\]/);
  });

  it("scriptedModel is sufficient for a callback that restores weights", async () => {
    const model = scriptedModel({ weights: [[0]] });
    const stopping = new EarlyStopping({
      monitor: "loss",
      patience: 2,
      restoreBestWeights: true,
    });
    let epoch = 0;
    await driveEpochs(stopping, {
      epochs: [{ loss: 1 }, { loss: 2 }, { loss: 3 }],
      model,
      train: async () => {
        const buffer = await model.getWeights()[0].buffer();
        buffer.values = Float32Array.of(++epoch);
        const made = buffer.toTensor();
        model.setWeights([made]);
        made.dispose();
      },
    });
    assert.deepEqual([...await model.getWeights()[0].data() as Float32Array], [1]);
    assert.equal(model.handles, 0);
  });
});

it("scriptedModel is accepted by the callbacks of keepfit", async () => {
  class Worst extends Callback {
    loss = -Infinity;
    override onEpochEnd(_epoch: number, logs: { loss: number }) {
      this.loss = Math.max(this.loss, logs.loss);
    }
  }
  const worst = new Worst();
  await driveEpochs(worst, { epochs: [{ loss: 2 }, { loss: 3 }] });
  assert.equal(worst.loss, 3);
});
