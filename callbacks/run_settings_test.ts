import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BackupAndRestore, fit, type FitOptions, type LayersModel } from "keepfit";
import { memoryFileSystem } from "keepfit/runtime";
import { readPlainData, writePlainData } from "../checkpoints/plain_data_file.ts";
import { version } from "../core/version.ts";
import { captured } from "./fixtures.ts";

const x = tf.linspace(-1, 1, 12).reshape([12, 1]);
const y = x.square();

interface Script extends FitOptions {
  layers?: () => tf.layers.Layer[];
  compile?: Partial<tf.ModelCompileArgs>;
  saveFreq?: number | "epoch";
}

const dense = (options = {}) =>
  tf.layers.dense({ units: 2, inputShape: [1], activation: "tanh", ...options });

/** Train with two batches per epoch. */
async function train(
  fs = memoryFileSystem(),
  { layers, compile, saveFreq, ...options }: Script = {},
  crash?: { epoch: number; batch?: number },
): Promise<void> {
  const model = tf.sequential({
    layers: [...(layers?.() ?? [dense()]), tf.layers.dense({ units: 1 })],
  });
  model.compile({ optimizer: tf.train.adam(0.1), loss: "meanSquaredError", ...compile });
  let epoch = 0;
  const failing = {
    onEpochBegin(index: number) {
      epoch = index;
      if (epoch === crash?.epoch && crash.batch === undefined) throw new Error("crash");
    },
    onTrainBatchEnd(batch: number) {
      if (epoch === crash?.epoch && batch === crash.batch) throw new Error("crash");
    },
  };
  await fit(model as LayersModel, x, y, {
    batchSize: 6,
    epochs: 4,
    verbose: 0,
    callbacks: [new BackupAndRestore("backup", { fs, saveFreq, saveOnBackground: false }), failing],
    ...options,
  });
}

/** Messages of a run that was interrupted before epoch 2 and continues with another script. */
async function saidBy(first: Script, second: Script): Promise<string[]> {
  const fs = memoryFileSystem();
  await assert.rejects(train(fs, first, { epoch: 2 }), /crash/);
  return (await captured(() => train(fs, second))).warned;
}

const validationData = (rows: number) =>
  [x.slice(0, rows), y.slice(0, rows)] as [tf.Tensor, tf.Tensor];
const nested = (activation: "relu" | "tanh") => () => [
  tf.sequential({ layers: [dense({ activation })] }) as unknown as tf.layers.Layer,
];

const changes: [what: string, first: Script, second: Script, said: RegExp][] = [
  ["batchSize", {}, { batchSize: 4 }, /batchSize was 6, is 4, steps was 2, is 3/],
  ["shuffle", {}, { shuffle: false }, /shuffle was true, is false/],
  ["stepsPerExecution", {}, { stepsPerExecution: 2 }, /stepsPerExecution was 1, is 2/],
  ["the seed of the script", { seed: 1 }, { seed: 2 }, /: seed was 1, is 2;/],
  ["a seed that is no longer passed", { seed: 1 }, {}, /^$/],
  ["the loss", {}, { compile: { loss: "meanAbsoluteError" } }, /loss was "mean.*is "meanAbs/],
  [
    "a custom loss",
    {
      compile: {
        loss: function mine(a: tf.Tensor, b: tf.Tensor) {
          return a.sub(b).square();
        },
      },
    },
    {
      compile: {
        loss: function other(a: tf.Tensor, b: tf.Tensor) {
          return a.sub(b).abs();
        },
      },
    },
    /loss was "mine\(\)", is "other\(\)"/,
  ],
  [
    "the configuration of the optimizer",
    {},
    { compile: { optimizer: tf.train.adam(0.1, 0.8) } },
    /optimizer\.beta1 was 0\.9, is 0\.8/,
  ],
  [
    "the metrics",
    {},
    { compile: { metrics: ["mae"] } },
    /metrics was \["loss"\], is \["loss",".*"\]/,
  ],
  [
    "the validation data",
    { validationData: validationData(6) },
    { validationData: validationData(12) },
    /validationSamples was 6, is 12/,
  ],
  ["no validation", { validationData: validationData(6) }, {}, /validation was true, is false/],
  [
    "the interval of validation",
    { validationData: validationData(6), validationFreq: 2 },
    { validationData: validationData(6), validationFreq: 3 },
    /validationFreq was 2, is 3/,
  ],
  [
    "an activation",
    {},
    { layers: () => [dense({ activation: "relu" })] },
    /activation of layer 0 \(Dense\) was "tanh", is "relu"/,
  ],
  [
    "an activation in a nested model",
    { layers: nested("tanh") },
    { layers: nested("relu") },
    /activation of layer 1 \(Dense\) was "tanh", is "relu"/,
  ],
  [
    "a regularizer",
    {},
    { layers: () => [dense({ kernelRegularizer: "l1l2" })] },
    /kernelRegularizer of layer 0 \(Dense\) was absent, is \{/,
  ],
  [
    "a layer without weights",
    {},
    { layers: () => [dense(), tf.layers.dropout({ rate: 0.5 })] },
    /the model had 2 layers, has 3/,
  ],
  [
    "another layer without weights",
    { layers: () => [dense(), tf.layers.dropout({ rate: 0.5 })] },
    { layers: () => [dense(), tf.layers.gaussianNoise({ stddev: 0.5 })] },
    /layer 1 was Dropout, is GaussianNoise/,
  ],
  [
    "an initializer, which has no further effect",
    {},
    { layers: () => [dense({ kernelInitializer: "zeros" })] },
    /^$/,
  ],
  ["only the names of layers", { layers: nested("tanh") }, {
    layers: nested("tanh"),
  }, /^$/],
];

describe("A resumed run with another script", () => {
  for (const [what, first, second, said] of changes) {
    it(`A resumed run warns once about changes: ${what}`, async () => {
      const warned = await saidBy(first, second);
      assert.match(warned.join(), said);
      assert.ok(warned.length <= 1, warned.join("\n"));
    });
  }

  it("A resumed run warns about another version of keepfit, which is not a setting", async () => {
    const fs = memoryFileSystem();
    await assert.rejects(train(fs, {}, { epoch: 2 }), /crash/);
    const file = "backup/latest.safetensors";
    const backup = await readPlainData(fs, file) as { settings: Record<string, string> };
    assert.equal(backup.settings.keepfit, `"${version}"`);
    backup.settings.keepfit = '"0.0.1"';
    await writePlainData(fs, file, backup as never);
    const { warned } = await captured(() => train(fs));
    assert.deepEqual(warned, [
      `keepfit: the backup in backup: it was saved by keepfit 0.0.1, this is ${version}`,
    ]);
  });

  it("A resumed run fails within an epoch if the remaining batches differ, with advice", async () => {
    const refused: [Script, RegExp][] = [
      [{ seed: 9 }, /seed was \d+, is 9/],
      [{ shuffle: false }, /shuffle was true, is false/],
      [{ compile: { metrics: ["mae"] } }, /metrics was/],
    ];
    for (const [second, said] of refused) {
      const fs = memoryFileSystem();
      await assert.rejects(train(fs, { saveFreq: 1 }, { epoch: 2, batch: 1 }), /crash/);
      await assert.rejects(train(fs, second), said);
      await assert.rejects(train(fs, second), /within epoch 2: .*; restore the setting, or remove/);
      await train(fs);
    }
    // Only dropout depends on it.
    const fs = memoryFileSystem();
    const first = { saveFreq: 1, shuffle: false };
    await assert.rejects(train(fs, first, { epoch: 2, batch: 1 }), /crash/);
    const { warned } = await captured(() => train(fs, { shuffle: false, seed: 9 }));
    assert.match(warned.join(), /seed was \d+, is 9/);
  });
});
