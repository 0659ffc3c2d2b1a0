import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CallbackList, History } from "keepfit";

/** A history of these epoch logs. */
async function historyOf(epochs: object[], history: History = new History()): Promise<History> {
  const list = new CallbackList(history);
  await list.onTrainBegin();
  for (const [epoch, logs] of epochs.entries()) await list.onEpochEnd(epoch, logs);
  return history;
}

describe("History", () => {
  it("History keeps the logs of every epoch by name, in order of first appearance", async () => {
    const { epoch, history } = await historyOf([{ mae: 2, loss: 1 }, { mae: 3, loss: 2, lr: 5 }]);
    assert.deepEqual(epoch, [0, 1]);
    assert.deepEqual(Object.entries(history), [["loss", [1, 2]], ["mae", [2, 3]], ["lr", [5]]]);
  });

  it("History returns the epochs that have a value", async () => {
    const history = await historyOf([{ loss: 1 }, { loss: 2, val_loss: 3 }]);
    assert.deepEqual(history.at("val_loss"), [1]);
    assert.deepEqual(history.at("loss"), [0, 1]);
    assert.deepEqual(history.at("nothing"), []);
  });

  it("History can be read by both names of an accuracy, but enumerates only one", async () => {
    const history = await historyOf([{ accuracy: 0.5, val_acc: 0.25 }]);
    assert.deepEqual(history.history.acc, [0.5]);
    assert.deepEqual(history.history.val_accuracy, [0.25]);
    assert.deepEqual(history.at("acc"), [0]);
    assert.deepEqual(Object.keys(history.history), ["accuracy", "val_acc"]);
  });

  it("History separates a key that a callback adds later under the other name", async () => {
    const { history } = await historyOf([{ accuracy: 0.5 }, { accuracy: 0.75, acc: 9 }]);
    assert.deepEqual(history.accuracy, [0.5, 0.75]);
    assert.deepEqual(history.acc, [9]);
  });

  it("History accepts keys that every object has", async () => {
    const { history } = await historyOf([{ constructor: 1, toString: 2 }]);
    assert.deepEqual(Object.entries(history), [["constructor", [1]], ["toString", [2]]]);
  });

  it("History resets in each run", async () => {
    const history = await historyOf([{ loss: 1 }, { loss: 2 }]);
    await historyOf([{ loss: 3 }], history);
    assert.deepEqual(history.epoch, [0]);
    assert.deepEqual(history.history, { loss: [3] });
    assert.deepEqual(history.at("loss"), [0]);
  });

  it("History continues from a restored state, but only once", async () => {
    const state = structuredClone((await historyOf([{ acc: 1 }])).getState());
    const history = new History();
    history.setState(state);
    history.onTrainBegin();
    history.onEpochEnd(1, { acc: 2 });
    assert.deepEqual(history.epoch, [0, 1]);
    assert.deepEqual(history.history.accuracy, [1, 2]);
    assert.deepEqual(history.at("acc"), [0, 1]);
    history.onTrainBegin();
    assert.deepEqual(history.history, {});
  });

  it("History returns a state that later epochs do not change", async () => {
    const history = await historyOf([{ loss: 1 }]);
    const state = history.getState();
    history.onEpochEnd(1, { loss: 2 });
    assert.deepEqual(state, { epoch: [0], history: { loss: [1] }, at: { loss: [0] } });
  });
});
