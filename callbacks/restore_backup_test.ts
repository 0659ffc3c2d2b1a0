import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  BackupAndRestore,
  type BackupAndRestoreOptions,
  Callback,
  type CallbackLike,
  fit,
  fitDataset,
  type FitOptions,
  setLearningRate,
} from "keepfit";
import { type FileSystem, memoryFileSystem } from "keepfit/runtime";
import { captured } from "./fixtures.ts";

const rows = 4;
const x = tf.randomUniform([6 * rows, 3, 2], -1, 1, "float32", 1);
const y = tf.randomUniform([6 * rows, 1], -1, 1, "float32", 2);

const start = () => ({
  kernelInitializer: tf.initializers.glorotUniform({ seed: 3 }),
  recurrentInitializer: tf.initializers.glorotUniform({ seed: 4 }),
});
const recurrent = () => ({ units: 2, stateful: true, ...start() });

/** Stateful layers, for batches of `batch` rows. */
const kinds: Record<string, (batch: number) => tf.layers.Layer[]> = {
  "a SimpleRNN": (batch) => [
    tf.layers.simpleRNN({ ...recurrent(), batchInputShape: [batch, 3, 2] }),
  ],
  "an LSTM": (batch) => [
    tf.layers.lstm({ name: "memory", ...recurrent(), batchInputShape: [batch, 3, 2] }),
  ],
  "two GRUs": (batch) => [
    tf.layers.gru({ ...recurrent(), returnSequences: true, batchInputShape: [batch, 3, 2] }),
    tf.layers.gru(recurrent()),
  ],
  "an RNN of two cells": (batch) => {
    const cell = [
      tf.layers.lstmCell({ units: 3, ...start() }),
      tf.layers.gruCell({ units: 2, ...start() }),
    ];
    return [tf.layers.rnn({ cell, stateful: true, batchInputShape: [batch, 3, 2] } as never)];
  },
  "a Bidirectional": (batch) => {
    const layer = tf.layers.lstm(recurrent()) as never;
    return [
      tf.layers.bidirectional(
        { layer, mergeMode: "concat", batchInputShape: [batch, 3, 2] } as never,
      ),
    ];
  },
  "a ConvLSTM2D": (batch) => [
    tf.layers.reshape({ targetShape: [3, 2, 1, 1], batchInputShape: [batch, 3, 2] }),
    tf.layers.convLstm2d({ filters: 1, kernelSize: 1, stateful: true, ...start() } as never),
    tf.layers.flatten(),
  ],
  "a nested model": (batch) => [
    tf.sequential({
      name: "inner",
      layers: [tf.layers.lstm({ ...recurrent(), batchInputShape: [batch, 3, 2] })],
    }),
  ],
};

function makeModel(kind: string, batch = rows): tf.LayersModel {
  const kernelInitializer = tf.initializers.glorotUniform({ seed: 5 });
  const model = tf.sequential({
    layers: [...kinds[kind](batch), tf.layers.dense({ units: 1, kernelInitializer })],
  });
  model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError" });
  return model;
}

/** Train with six batches per epoch, and return the result as text. */
async function train(
  model: tf.LayersModel,
  fs = memoryFileSystem(),
  others: CallbackLike[] = [],
  { saveFreq = 1, saveOnBackground, ...options }: FitOptions & BackupAndRestoreOptions = {},
): Promise<string> {
  const { history } = await fit(model, x, y, {
    epochs: 2,
    shuffle: false,
    seed: 1,
    verbose: 0,
    callbacks: [new BackupAndRestore("backup", { fs, saveFreq, saveOnBackground }), ...others],
    ...options,
  });
  return JSON.stringify([model.getWeights().map((weight) => [...weight.dataSync()]), history]);
}

function crashAfter(batches: number): CallbackLike {
  return {
    onTrainBatchEnd() {
      if (--batches === 0) throw new Error("crash");
    },
  };
}

describe("BackupAndRestore with stateful layers", () => {
  for (const kind of Object.keys(kinds)) {
    it(`BackupAndRestore continues within an epoch with the states of ${kind}`, async () => {
      const fs = memoryFileSystem();
      const whole = await train(makeModel(kind));
      await assert.rejects(train(makeModel(kind), fs, [crashAfter(4)]), /crash/);
      assert.equal(await train(makeModel(kind), fs), whole);
    });
  }

  for (const hook of ["onTrainBegin", "onEpochBegin", "onEpochEnd"] as const) {
    it(`BackupAndRestore equals an uninterrupted run if ${hook} resets the states`, async () => {
      for (const batches of [4, 7]) {
        const resetting = () => {
          const model = makeModel("an LSTM");
          return [model, { [hook]: () => model.resetStates() }] as const;
        };
        const fs = memoryFileSystem();
        const [model, reset] = resetting();
        const whole = await train(model, undefined, [reset]);
        const [first, firstReset] = resetting();
        await assert.rejects(train(first, fs, [firstReset, crashAfter(batches)]), /crash/);
        const [second, secondReset] = resetting();
        assert.equal(await train(second, fs, [secondReset]), whole);
      }
    });
  }

  it("BackupAndRestore restarts a validation that the signal ended with its initial states", async () => {
    const options = { validationData: [x, y] as [tf.Tensor, tf.Tensor] };
    const whole = await train(makeModel("an LSTM"), undefined, [], options);
    const fs = memoryFileSystem();
    const controller = new AbortController();
    const abort = {
      onTestBatchEnd: (batch: number) => batch === 3 && controller.abort(new Error("ended")),
    } as CallbackLike;
    const { signal } = controller;
    const ended = train(makeModel("an LSTM"), fs, [abort], { ...options, signal });
    await assert.rejects(ended, /ended/);
    assert.equal(await train(makeModel("an LSTM"), fs, [], options), whole);
  });

  it("BackupAndRestore releases its copies of states", async () => {
    const model = makeModel("an LSTM");
    const reset = { onEpochEnd: () => model.resetStates() };
    const options = { validationData: [x, y] as [tf.Tensor, tf.Tensor] };
    await train(model, undefined, [reset], options);
    const { numTensors } = tf.memory();
    await train(model, undefined, [reset], options);
    assert.equal(tf.memory().numTensors, numTensors);
  });

  it("BackupAndRestore does not continue within an epoch with states of another batch size", async () => {
    const fs = memoryFileSystem();
    await assert.rejects(train(makeModel("an LSTM"), fs, [crashAfter(2)]), /crash/);
    await assert.rejects(train(makeModel("an LSTM", 8), fs), /epoch 0: batchSize was 4, is 8/);
    // The size of a dataset's batches is not known in advance.
    const readAndTrain = (batch: number, others: CallbackLike[]) => {
      const dataset = function* () {
        for (let i = 0; i < 3; i++) yield { xs: tf.ones([batch, 3, 2]), ys: tf.ones([batch, 1]) };
      };
      const callbacks = [new BackupAndRestore("of dataset", { fs, saveFreq: 1 }), ...others];
      return fitDataset(makeModel("an LSTM", batch), dataset, { seed: 1, verbose: 0, callbacks });
    };
    await assert.rejects(readAndTrain(rows, [crashAfter(2)]), /crash/);
    await assert.rejects(
      readAndTrain(8, []),
      /epoch 0: the states of layer 'memory' are of batches of 4 rows, this run has 8; restore/,
    );
  });

  it("BackupAndRestore warns at the begin of an epoch that states of another batch size start at zero", async () => {
    const fs = memoryFileSystem();
    const crash = {
      onEpochBegin(epoch: number) {
        if (epoch === 1) throw new Error("crash");
      },
    };
    const options = { saveFreq: "epoch" as const };
    await assert.rejects(train(makeModel("an LSTM"), fs, [crash], options), /crash/);
    const { warned } = await captured(() => train(makeModel("an LSTM", 8), fs, [], options));
    assert.match(
      warned.join("\n"),
      /'memory' are of batches of 4 rows, this run has 8; they start at zero/,
    );
  });

  it("BackupAndRestore warns about a layer that is stateful in only one of the runs", async () => {
    const plain = () => {
      const model = tf.sequential({
        layers: [
          tf.layers.lstm({ name: "memory", units: 2, inputShape: [3, 2], ...start() }),
          tf.layers.dense({ units: 1 }),
        ],
      });
      model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError" });
      return model;
    };
    const runs = [
      [() => makeModel("an LSTM"), plain, /'memory' are ignored: this model has no stateful/],
      [plain, () => makeModel("an LSTM"), /'memory' start at zero: the backup has none/],
    ] as const;
    for (const [before, after, message] of runs) {
      const fs = memoryFileSystem();
      const options = { batchSize: rows };
      await assert.rejects(train(before(), fs, [crashAfter(2)], options), /crash/);
      const { warned } = await captured(() => train(after(), fs, [], options));
      assert.match(warned.join("\n"), message);
    }
  });
});

describe("BackupAndRestore within an epoch", () => {
  it("BackupAndRestore shows callbacks in params.resumedAt where the run continues", async () => {
    class Looking extends Callback {
      resumedAt: { epoch: number; batch: number } | undefined;
      begun: { epoch: number; batch: number } | undefined;
      override onEpochBegin(epoch: number): void {
        this.resumedAt ??= this.params?.resumedAt;
        this.begun ??= { epoch, batch: -1 };
      }
      override onTrainBatchBegin(batch: number): void {
        if (this.begun?.batch === -1) this.begun.batch = batch;
      }
    }
    for (const [saveFreq, crash, isWithin] of [[1, 4, true], ["epoch", 8, false]] as const) {
      const fs = memoryFileSystem();
      const [first, second] = [new Looking(), new Looking()];
      const model = () => makeModel("a SimpleRNN");
      await assert.rejects(
        train(model(), fs, [first, crashAfter(crash)], { saveFreq, saveOnBackground: false }),
        /crash/,
      );
      await train(model(), fs, [second]);
      assert.equal(first.resumedAt, undefined);
      assert.deepEqual(second.resumedAt, second.begun);
      assert.deepEqual(second.begun, isWithin ? { epoch: 0, batch: 3 } : { epoch: 1, batch: 0 });
    }
  });

  it("BackupAndRestore continues with the weights and the rate of the backup, even if onEpochBegin sets others", async () => {
    const setting = (model: tf.LayersModel) => ({
      onEpochBegin(epoch: number) {
        setLearningRate(model, 0.1 / (1 + epoch));
        model.setWeights(model.getWeights().map((weight) => weight.mul(0.5)));
      },
      onTrainBatchEnd: (batch: number) => void (batch === 2 && setLearningRate(model, 0.01)),
    });
    const run = (fs?: FileSystem, ...others: CallbackLike[]) => {
      const model = makeModel("a SimpleRNN");
      return train(model, fs, [setting(model), ...others]);
    };
    const whole = await run();
    for (const batches of [4, 7, 10]) {
      const fs = memoryFileSystem();
      await assert.rejects(run(fs, crashAfter(batches)), /crash/);
      assert.equal(await run(fs), whole);
    }
  });
});
