import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import * as keepfit from "keepfit";
import {
  Callback,
  type CallbackAbilities,
  CallbackList,
  evaluate,
  exponentialMovingAverage,
  fit,
  predict,
  type TrainableModel,
} from "keepfit";
import { type FileSystem, memoryFileSystem } from "keepfit/runtime";

/** What a callback may need besides a model. */
interface World {
  fs: FileSystem;
  /** URL of a server that accepts requests. */
  url: string;
}

/** How to create a callback of a class, and what it does not support. */
interface Sample {
  /** Arguments of the constructor; the last one contains the options. */
  arguments(world: World): unknown[];
  /** Reaction to an unknown option. Default: a warning. */
  unknownOption?: "fails" | "hasNoOptions";
  /** Message without a model of TensorFlow.js, or options that need none. */
  withoutModel?: RegExp | { [option: string]: unknown };
}

/** A sample of every callback class. */
const samples: Record<string, Sample> = {
  BackupAndRestore: {
    arguments: ({ fs }) => ["backup", { fs, saveFreq: 2, doubleCheckpoint: true }],
    withoutModel: /Cannot back up: the model must have getWeights/,
  },
  CSVLogger: { arguments: ({ fs }) => ["log.csv", { fs }] },
  DeviceStatsMonitor: { arguments: () => [{ every: "step" }] },
  EarlyStopping: {
    arguments: () => [{ monitor: "loss", patience: 5, restoreBestWeights: true }],
    withoutModel: { restoreBestWeights: false },
  },
  GradualUnfreezing: {
    arguments: () => [{ 0: "dense" }, {}],
    withoutModel: /Cannot unfreeze layers: the model must be a tf.LayersModel/,
  },
  History: { arguments: () => [{}], unknownOption: "hasNoOptions" },
  JSONLinesLogger: { arguments: ({ fs }) => ["log.jsonl", { fs, updateFreq: 2 }] },
  LambdaCallback: {
    arguments: () => [{ onTrainBatchEnd: () => {}, onPredictEnd: () => {} }],
    unknownOption: "fails",
  },
  LearningRateFinder: {
    arguments: ({ fs }) => [{ steps: 6, afterwards: "train", plot: "rate.svg", fs }],
    withoutModel: /there is no tfjs optimizer/,
  },
  LearningRateMonitor: { arguments: () => [{ every: "step" }] },
  LearningRateScheduler: {
    arguments: () => [(epoch: number, rate: number) => epoch === 0 ? rate : rate / 2, {}],
  },
  ModelCheckpoint: {
    arguments: ({ fs }) => ["{epoch}-{batch}", {
      fs,
      saveFreq: 2,
      saveOnBackground: true,
      maxToKeep: 1,
      monitor: "loss",
    }],
    withoutModel: /the model must be a tf.LayersModel/,
  },
  ModelSummary: {
    arguments: () => [{ terminal: { write: () => {}, isInteractive: false, hasColors: false } }],
    withoutModel: /the model must have layers/,
  },
  MonitorCallback: { arguments: () => [{ monitor: "loss" }], unknownOption: "hasNoOptions" },
  ProgbarLogger: { arguments: () => [{}] },
  ReduceLROnPlateau: { arguments: () => [{ monitor: "loss", patience: 1, minDelta: 100 }] },
  RemoteMonitor: { arguments: ({ url }) => [{ root: url }] },
  SpeedMonitor: { arguments: () => [{ verbose: 1 }] },
  SwapEMAWeights: {
    arguments: () => [{ swapOnEpoch: true }],
    withoutModel: /the optimizer keeps none/,
  },
  TensorBoard: {
    arguments: ({ fs }) => [{ fs, histogramFreq: 1, updateFreq: 1, writeGraph: true }],
  },
  TerminateOnNaN: { arguments: () => [{ raiseError: true }] },
  Timer: { arguments: () => [{ hours: 1 }] },
};

const classes = Object.fromEntries(
  Object.entries<unknown>(keepfit).filter(([name, value]) =>
    name !== "Callback" && typeof value === "function" && value.prototype instanceof Callback
  ),
) as Record<string, new (...args: unknown[]) => Callback & CallbackAbilities>;

const x = tf.linspace(-1, 1, 8).reshape([8, 1]);
const y = x.mul(2);

function makeModel(): tf.Sequential {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [1], name: "dense" })],
  });
  const optimizer = exponentialMovingAverage(tf.train.adam(0.01));
  model.compile({ optimizer, loss: "meanSquaredError", metrics: ["mae"] });
  return model;
}

/** Train two epochs of four batches, with validation. */
async function train(model: tf.LayersModel, callbacks: unknown) {
  return await fit(model, x, y, {
    batchSize: 2,
    epochs: 2,
    seed: 1,
    validationData: [x, y],
    verbose: 0,
    callbacks: callbacks as Callback,
  });
}

/** The warnings of `run`; other output is dropped. */
async function warnings(run: () => unknown): Promise<string[]> {
  const { log, warn } = console;
  const warned: string[] = [];
  console.log = () => {};
  console.warn = (message: string) => void warned.push(message);
  try {
    await run();
  } finally {
    console.log = log;
    console.warn = warn;
  }
  // TensorFlow.js prints a banner when it first computes.
  return warned.filter((message) => message.startsWith("keepfit"));
}

/** Whether a value is valid in the state of a callback. */
function isPlain(value: unknown): boolean {
  if (value === null || ["boolean", "number", "string", "undefined"].includes(typeof value)) {
    return true;
  }
  if (typeof value !== "object") return false;
  if (ArrayBuffer.isView(value)) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isPlain);
}

let server: Server;
let url: string;
before(async () => {
  server = createServer((request, response) => {
    request.resume().on("end", () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.close();
  server.closeAllConnections();
});

describe("The table of samples", () => {
  it("The table of samples has every callback class of the front door, and no other", () => {
    assert.deepEqual(Object.keys(samples).sort(), Object.keys(classes).sort());
  });
});

for (const [name, sample] of Object.entries(samples)) {
  const make = (world: World = { fs: memoryFileSystem(), url }, more: object = {}) => {
    const given = sample.arguments(world);
    const options = given.pop() as object;
    return new classes[name](...given, { ...options, ...more });
  };

  describe(name, () => {
    it(`${name} works in fit with validation, in evaluate and in predict, without a warning`, async () => {
      const callback = make();
      const model = makeModel();
      const warned = await warnings(async () => {
        const { epoch, history } = await train(model, callback);
        assert.deepEqual(epoch, [0, 1]);
        assert.equal(history.loss.concat(history.val_mae).every(Number.isFinite), true);
        const measured = await evaluate(model, x, y, { verbose: 0, callbacks: callback });
        assert.notEqual(measured, undefined);
        const predicted = await predict(model, x, { verbose: 0, callbacks: callback }) as tf.Tensor;
        assert.deepEqual(predicted.shape, [8, 1]);
        predicted.dispose();
      });
      assert.deepEqual(warned, []);
    });

    it(`${name} works in a second fit like in the first`, async () => {
      const callback = make();
      await warnings(async () => {
        await train(makeModel(), callback);
        assert.deepEqual((await train(makeModel(), callback)).epoch, [0, 1]);
      });
    });

    it(`${name} leaks no tensor`, async () => {
      const model = makeModel();
      await warnings(async () => {
        // The optimizer creates its tensors in the first batch.
        await train(model, null);
        const before = tf.memory().numTensors;
        const callback = make();
        for (let run = 0; run < 2; run++) await train(model, callback);
        await evaluate(model, x, y, { verbose: 0, callbacks: callback });
        assert.equal(tf.memory().numTensors, before);
      });
    });

    it(`${name} has a state of plain data, which another one accepts before and after it has a model`, async () => {
      const callback = make();
      if (callback.getState === undefined) return assert.equal(callback.setState, undefined);
      let state: keepfit.CallbackState = {};
      const look = { onEpochEnd: async () => void (state = await callback.getState!()) };
      await warnings(() => train(makeModel(), [callback, look]));
      assert.equal(isPlain(state), true);
      assert.deepEqual(structuredClone(state), state);

      const early = make();
      await early.setState?.(structuredClone(state));
      assert.deepEqual(await early.getState?.(), state);
      const late = make();
      late.setModel(makeModel() as unknown as TrainableModel);
      late.setParams({ verbose: 0, epochs: 2, steps: 4 });
      await late.setState?.(structuredClone(state));
      assert.deepEqual(await late.getState?.(), state);
      await warnings(() => train(makeModel(), late));
    });

    it(`${name} can be closed twice, and without a run`, async () => {
      await make().close?.();
      const callback = make();
      await warnings(() => train(makeModel(), callback));
      await callback.close?.();
      await callback.close?.();
    });

    for (const position of ["before", "after"]) {
      it(`${name} tolerates a failing callback ${position} it`, async () => {
        const model = makeModel();
        await warnings(() => train(model, null));
        const before = tf.memory().numTensors;
        for (const hook of ["onTrainBegin", "onTrainBatchEnd", "onTestEnd", "onEpochEnd"]) {
          const failing = {
            [hook]() {
              throw new Error("not my day");
            },
          };
          const list = position === "before" ? [failing, make()] : [make(), failing];
          const warned = await warnings(() =>
            assert.rejects(train(model, list), /failed in \w+.*not my day/)
          );
          assert.deepEqual(warned, []);
        }
        assert.equal(tf.memory().numTensors, before);
      });
    }

    it(`${name} warns about an unknown option`, async () => {
      if (sample.unknownOption === "hasNoOptions") return;
      const use = () => void make(undefined, { patiense: 3 });
      if (sample.unknownOption === "fails") return assert.throws(use, /patiense/);
      const warned = await warnings(use);
      assert.equal(warned.length, 1);
      assert.match(warned[0], new RegExp(`${name} has no option 'patiense'`));
    });

    it(`${name} works in a loop without TensorFlow.js, or reports that it needs it`, async () => {
      const model = { stopTraining: false, optimizer: { learningRate: 0.1 } };
      const { withoutModel } = sample;
      const refusal = withoutModel instanceof RegExp ? withoutModel : undefined;
      const run = async () => {
        const callback = make(undefined, refusal === undefined ? withoutModel as object : {});
        const list = new CallbackList(callback, {
          model,
          params: { verbose: 0, epochs: 2, steps: 2 },
        });
        try {
          await list.onTrainBegin();
          for (let epoch = 0; epoch < 2; epoch++) {
            await list.onEpochBegin(epoch);
            for (let batch = 0; batch < 2; batch++) {
              await list.onTrainBatchBegin(batch);
              await list.onTrainBatchEnd(batch, { loss: 1 });
            }
            await list.onEpochEnd(epoch, { loss: 1, val_loss: 1 });
          }
          await list.onTrainEnd({ loss: 1 });
        } finally {
          await list.close();
        }
      };
      if (refusal !== undefined) return assert.rejects(run(), refusal);
      assert.deepEqual(await warnings(run), []);
    });

    it(`${name} works in model.fit of TensorFlow.js`, async () => {
      const model = makeModel();
      await warnings(async () => {
        const { epoch } = await model.fit(x, y, {
          batchSize: 2,
          epochs: 2,
          validationData: [x, y],
          verbose: 0,
          callbacks: keepfit.toTfjs(make(), model),
        });
        assert.deepEqual(epoch, [0, 1]);
      });
    });
  });
}
