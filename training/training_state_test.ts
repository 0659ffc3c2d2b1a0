import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import {
  CallbackList,
  type CallbackState,
  fit,
  fitDataset,
  type FitOptions,
  type ResumableLoop,
} from "keepfit";
import { getEngine } from "../tfjs/engine.ts";
import { RunningMeans } from "./running_means.ts";
import { TrainingState } from "./training_state.ts";

const x = tf.range(0, 6).reshape([6, 1]);
const y = x.mul(2);

function line(): tf.LayersModel {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: tf.train.sgd(0.001), loss: "meanSquaredError" });
  return model;
}

function stateOf(seed: number | undefined, keepsSeed: boolean): TrainingState {
  const params = { verbose: 0, epochs: 1, steps: null, seed };
  const means = new RunningMeans([{ name: "loss" }]);
  return new TrainingState({ engine: getEngine(), model: line(), means, params, keepsSeed });
}

/** The states of the loop at the named hooks of a run. */
async function statesOf(options: FitOptions, hooks: string[]): Promise<CallbackState[]> {
  const states: CallbackState[] = [];
  const look = async () => void states.push(await (list.loop as ResumableLoop).getState());
  const callback = Object.fromEntries(hooks.map((hook) => [hook, look]));
  const list = new CallbackList(callback);
  await fit(line(), x, y, { batchSize: 4, seed: 3, verbose: 0, callbacks: list, ...options });
  assert.equal(list.loop, undefined);
  return states;
}

describe("TrainingState", () => {
  it("TrainingState has epoch, batch, step and phase at each hook", async () => {
    const hooks = ["onEpochBegin", "onTrainBatchBegin", "onTrainBatchEnd", "onEpochEnd"];
    const states = await statesOf({ epochs: 3, initialEpoch: 1 }, hooks);
    assert.deepEqual(
      states.map(({ epoch, batch, step, phase }) => [epoch, batch, step, phase]),
      [
        [1, 0, 0, "begin"],
        [1, 0, 0, "train"],
        [1, 1, 1, "train"],
        [1, 1, 1, "train"],
        [1, 2, 2, "train"],
        [1, 2, 2, "end"],
        [2, 0, 2, "begin"],
        [2, 0, 2, "train"],
        [2, 1, 3, "train"],
        [2, 1, 3, "train"],
        [2, 2, 4, "train"],
        [2, 2, 4, "end"],
      ],
    );
  });

  it("TrainingState is in the phase of validation while the run validates", async () => {
    const states = await statesOf({ validationSplit: 0.5 }, ["onTestBegin"]);
    assert.deepEqual(states.map(({ phase }) => phase), ["validate"]);
  });

  it("TrainingState contains the seed and the sums of the epoch as plain data", async () => {
    const [state] = await statesOf({}, ["onEpochEnd"]);
    const { seed, means, random } = structuredClone(state);
    assert.equal(seed, 3);
    assert.equal(random, null);
    assert.deepEqual(Object.keys(means as object), ["rows", "sums"]);
    assert.equal((means as { rows: number }).rows, 6);
  });

  it("TrainingState continues from the state of another one", async () => {
    const first = stateOf(1, false);
    Object.assign(first, { epoch: 2, batch: 1, step: 7, phase: "train" });
    await first.means.add({ values: [4], sizes: [1] }, 2);
    const state = structuredClone(await first.getState());
    const second = stateOf(9, false);
    second.setState(state);
    assert.deepEqual(await second.getState(), state);
    assert.deepEqual(await second.means.logs(), { loss: 4 });
  });

  it("TrainingState keeps a seed that the script chose, and otherwise takes that of the state", async () => {
    const state = await stateOf(1, false).getState();
    for (const [keeps, seed] of [[true, 9], [false, 1]] as const) {
      const other = stateOf(9, keeps);
      other.setState(state);
      assert.equal(other.seed, seed);
    }
  });

  it("TrainingState reads and sets the model's stopTraining", () => {
    const model = line();
    const params = { verbose: 0, epochs: 1, steps: null } as const;
    const means = new RunningMeans([]);
    const state = new TrainingState({ engine: getEngine(), model, means, params });
    state.stopTraining = true;
    assert.equal((model as unknown as { stopTraining: boolean }).stopTraining, true);
    (model as unknown as { stopTraining: boolean }).stopTraining = false;
    assert.equal(state.stopTraining, false);
  });

  it("TrainingState also exists in fitDataset, with a seed for dropout and noise", async () => {
    let state: CallbackState | undefined;
    const list = new CallbackList({
      onEpochEnd: async () => {
        state = await list.loop?.getState();
      },
    });
    const batches = function* () {
      yield { xs: tf.ones([2, 1]), ys: tf.ones([2, 1]) };
    };
    await fitDataset(line(), batches, { verbose: 0, callbacks: list, seed: 4 });
    assert.equal(state?.seed, 4);
    assert.equal(state?.step, 1);
  });
});
