import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, it } from "node:test";
import { BackupAndRestore, fit } from "keepfit";
import { checkpointHandler } from "../checkpoints/mod.ts";
import { exists, type FileSystem, FileSystemError, memoryFileSystem } from "../runtime/mod.ts";
import { ModelCheckpoint, type ModelCheckpointOptions } from "./model_checkpoint.ts";
import { captured, drive, losses, type Run } from "./fixtures.ts";

function tinyModel() {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [1], useBias: false })],
  });
  model.compile({ optimizer: "adam", loss: "meanSquaredError" });
  return model;
}

async function names(fs: FileSystem, directory = "."): Promise<string[]> {
  return (await fs.readDir(directory)).filter((entry) => entry.isDirectory).map(({ name }) => name);
}

/** The names of the checkpoints after a run. */
async function saved(
  filepath: string,
  options: ModelCheckpointOptions,
  epochs: object[],
  run: Run = {},
): Promise<string[]> {
  const fs = memoryFileSystem();
  const checkpoint = new ModelCheckpoint(filepath, { fs, monitor: "loss", ...options });
  await captured(() => drive(checkpoint, epochs, { model: tinyModel(), ...run }));
  return await names(fs);
}

describe("ModelCheckpoint", () => {
  it("ModelCheckpoint saves every epoch under its 1-based number, in a loadable checkpoint", async () => {
    const fs = memoryFileSystem();
    const model = tinyModel();
    await drive(new ModelCheckpoint("runs/{epoch:02d}-{loss:.2f}", { fs }), losses(0.5, 0.125), {
      model,
      train: async (epoch) => {
        await model.trainOnBatch(tf.tensor2d([[1]]), tf.tensor2d([[epoch]]));
      },
    });
    assert.deepEqual(await names(fs, "runs"), ["01-0.50", "02-0.12"]);
    const loaded = await tf.loadLayersModel(checkpointHandler("runs/02-0.12", { fs }));
    assert.deepEqual(loaded.getWeights()[0].dataSync(), model.getWeights()[0].dataSync());
    assert.deepEqual(loaded.getUserDefinedMetadata(), { epoch: 1, logs: { loss: 0.125 } });
    assert.equal((loaded as tf.LayersModel).optimizer.getClassName(), "Adam");
  });

  it("ModelCheckpoint counts batches across epochs, and from zero after each save", async () => {
    const template = "{epoch}-{batch}";
    const by = (saveFreq: number, epochs: number, batches: number, extra = {}) =>
      saved(template, { saveFreq }, Array(epochs).fill({ loss: 1, ...extra }), { batches });
    assert.deepEqual(await by(4, 3, 3), ["2-1", "3-2"]);
    assert.deepEqual(await by(15, 10, 5), ["3-5", "6-5", "9-5"]);
    assert.deepEqual(await by(1, 2, 2), ["1-1", "1-2", "2-1", "2-2"]);
    assert.deepEqual(await by(1, 1, 1, { batch: 77 }), ["1-77.0"]);
  });

  it("ModelCheckpoint reads the logs only of batches after which it saves", async () => {
    const checkpoint = new ModelCheckpoint("{batch}", { saveFreq: 2, fs: memoryFileSystem() });
    const asked: boolean[] = [];
    const spy = {
      onTrainBatchBegin: (batch: number) => asked.push(checkpoint.readsBatchLogs(batch)),
    };
    await drive([checkpoint, spy], losses(1, 1), { model: tinyModel(), batches: 3 });
    assert.deepEqual(asked, [false, true, false, true, false, true]);
    assert.equal(new ModelCheckpoint("{epoch}").onTrainBatchEnd, undefined);
  });

  it("ModelCheckpoint saves only values that beat the best so far", async () => {
    const best = (options: ModelCheckpointOptions, ...values: number[]) =>
      saved("{epoch}", { saveBestOnly: true, ...options }, losses(...values));
    assert.deepEqual(await best({}, 3, 2, 2.5, 1), ["1", "2", "4"]);
    assert.deepEqual(await best({ initialValueThreshold: 2.2 }, 3, 2, 2.5, 1), ["2", "4"]);
    assert.deepEqual(await best({ initialValueThreshold: 3 }, 3), []);
    assert.deepEqual(await best({ mode: "max" }, 3, 2), ["1"]);
    assert.deepEqual(await best({ mode: "max", initialValueThreshold: -0.01 }, 0), ["1"]);
    assert.deepEqual(await best({}, NaN, 2, 1), ["2", "3"]);
    assert.deepEqual(await best({ nanIsFirstBest: true }, NaN, 2, 1), ["1"]);
  });

  it("ModelCheckpoint also compares values of batches, from the first epoch", async () => {
    const fs = memoryFileSystem();
    const options = { fs, saveFreq: 1, saveBestOnly: true, monitor: "loss" };
    const checkpoint = new ModelCheckpoint("{epoch}-{batch}", options);
    await drive(checkpoint, losses(2, 1), { model: tinyModel(), batches: 2 });
    assert.deepEqual(await names(fs), ["1-1", "2-1"]);
    const loaded = await tf.loadLayersModel(checkpointHandler("2-1", { fs }));
    assert.deepEqual(loaded.getUserDefinedMetadata(), { epoch: 1, batch: 0, logs: { loss: 1 } });
  });

  it("ModelCheckpoint saves if the monitored value is missing, or skips with onMissing, and warns once", async () => {
    const count = async (onMissing?: "save" | "skip") => {
      const fs = memoryFileSystem();
      const options = { fs, saveBestOnly: true, mode: "min", onMissing } as const;
      const checkpoint = new ModelCheckpoint("{epoch}", { monitor: "unknown", ...options });
      const { warned } = await captured(() =>
        drive(checkpoint, losses(1, 2), { model: tinyModel() })
      );
      assert.equal(warned.length, 1);
      assert.match(warned[0], /'unknown'.*loss/);
      assert.equal(checkpoint.best, undefined);
      return (await names(fs)).length;
    };
    assert.equal(await count(), 2);
    assert.equal(await count("save"), 2);
    assert.equal(await count("skip"), 0);
  });

  it('ModelCheckpoint skips an epoch whose logs lack a name in the template with onMissing: "skip"', async () => {
    const epochs = [{ loss: 3 }, { loss: 2, val_loss: 2 }, { loss: 1 }, { loss: 1, val_loss: 1 }];
    for (const saveBestOnly of [false, true]) {
      const fs = memoryFileSystem();
      const options = { fs, saveBestOnly, onMissing: "skip", verbose: 1 } as const;
      const checkpoint = new ModelCheckpoint("{epoch}-{val_loss:.1f}", options);
      const { printed } = await captured(() => drive(checkpoint, epochs, { model: tinyModel() }));
      assert.deepEqual(await names(fs), ["2-2.0", "4-1.0"]);
      assert.match(printed.join(), /Epoch 1: not saving, val_loss is not available/);
    }
  });

  it("ModelCheckpoint fails before the first batch when some epochs lack a name in the template", async () => {
    const run = async (
      validationFreq: number | number[] | undefined,
      options: ModelCheckpointOptions = {},
    ) => {
      const fs = memoryFileSystem();
      let batches = 0;
      await fit(tinyModel(), tf.ones([4, 1]), tf.ones([4, 1]), {
        epochs: 4,
        verbose: 0,
        validationSplit: 0.25,
        validationFreq,
        callbacks: [
          new ModelCheckpoint("{epoch}-{val_loss:.0f}", { fs, ...options }),
          { onTrainBatchBegin: () => void batches++ },
        ],
      }).catch((error: Error) => assert.fail(`${batches} ${error.message}`));
      return (await names(fs)).length;
    };
    for (const frequency of [2, [1, 2, 3]]) {
      await assert.rejects(
        run(frequency),
        /^AssertionError.*: 0 .*without validation have no val_loss .*onMissing: "skip"/,
      );
    }
    assert.equal(await run(1), 4);
    assert.equal(await run([1, 2, 3, 4]), 4);
    assert.equal(await run(2, { onMissing: "skip" }), 2);
  });

  it("ModelCheckpoint ignores the monitor if it saves everything", async () => {
    assert.deepEqual(
      await saved("{epoch}", { monitor: "val_foo" }, losses(1), { params: { metrics: ["loss"] } }),
      ["1"],
    );
  });

  it("ModelCheckpoint keeps its best value across runs, and its counters in its state", async () => {
    const fs = memoryFileSystem();
    const model = tinyModel();
    const options = { fs, saveBestOnly: true, monitor: "loss" };
    const checkpoint = new ModelCheckpoint("{epoch}", options);
    await drive(checkpoint, losses(2, 1), { model });
    await drive(checkpoint, losses(9, 9, 1.5), { model });
    assert.deepEqual(await names(fs), ["1", "2"]);
    assert.equal(checkpoint.best, 1);

    const byBatch = new ModelCheckpoint("b{epoch}-{batch}", { fs, saveFreq: 4 });
    await drive(byBatch, losses(1), { model, batches: 3 });
    const resumed = new ModelCheckpoint("b{epoch}-{batch}", { fs, saveFreq: 4 });
    resumed.setState(structuredClone(await byBatch.getState()));
    await drive(resumed, losses(1), { model, batches: 3 });
    assert.deepEqual(await names(fs), ["1", "2", "b1-1"]);
  });

  it("ModelCheckpoint prints saves and their reasons only when verbose", async () => {
    const say = async (options: ModelCheckpointOptions, ...values: number[]) => {
      const checkpoint = new ModelCheckpoint("m", {
        fs: memoryFileSystem(),
        monitor: "loss",
        ...options,
      });
      return (await captured(() => drive(checkpoint, losses(...values), { model: tinyModel() })))
        .printed;
    };
    assert.deepEqual(await say({ verbose: 1, saveBestOnly: true }, 2, 3, 1), [
      "Epoch 1: loss improved from None to 2.00000, saving model to m",
      "Epoch 1: finished saving model to m",
      "Epoch 2: loss did not improve from 2.00000",
      "Epoch 3: loss improved from 2.00000 to 1.00000, saving model to m",
      "Epoch 3: finished saving model to m",
    ]);
    assert.deepEqual(await say({ verbose: 1 }, 2), [
      "Epoch 1: saving model to m",
      "Epoch 1: finished saving model to m",
    ]);
    assert.deepEqual(await say({}, 2), []);
  });

  it("ModelCheckpoint fails before the first batch for a name that no logs have", async () => {
    const run = (filepath: string, options: ModelCheckpointOptions = {}) =>
      saved(filepath, { mode: "min", ...options }, losses(1), {
        params: { metrics: ["loss", "acc"], steps: 1 },
        train: () => assert.fail("trained"),
      });
    const early = /onTrainBegin.*no log has val_loss, available are epoch, loss, acc$/;
    await assert.rejects(run("{val_loss:.2f}"), early);
    await assert.rejects(run("{val_loss:.2f}", { monitor: "val_loss", saveBestOnly: true }), early);
    await assert.rejects(run("{batch}"), /no log has batch/);
    await assert.rejects(run("{score}"), /no log has score/);
    for (const known of ["{epoch}{loss}", "{accuracy}", "{learning_rate}"]) {
      await assert.rejects(run(known), /trained/);
    }
    await assert.rejects(run("{score}", { monitor: "score", saveBestOnly: true }), /trained/);
    await assert.rejects(saved("{score}", {}, losses(1)), /onEpochEnd.*\{score\}.*epoch, loss/);
    await assert.rejects(saved("m", {}, [{ epoch: 3 }]), /key 'epoch'/);
  });

  it("ModelCheckpoint fails before the first batch when it cannot create a directory", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-checkpoint-"));
    try {
      await writeFile(join(folder, "file"), "");
      const run = drive(new ModelCheckpoint(join(folder, "file", "{epoch}")), losses(1), {
        model: tinyModel(),
        train: () => assert.fail("trained"),
      });
      await assert.rejects(run, /onTrainBegin/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("ModelCheckpoint reports the path of a failed save, and does not count its value as the best", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("runs");
    await fs.writeFile("runs/2", "a file where the checkpoint should be");
    const options = { fs, saveBestOnly: true, monitor: "loss", onError: "warn" } as const;
    const checkpoint = new ModelCheckpoint("runs/{epoch}", options);
    const { warned } = await captured(() =>
      drive(checkpoint, losses(3, 1, 2), { model: tinyModel() })
    );
    assert.match(warned[0], /Cannot save the checkpoint runs\/2: /);
    assert.equal(checkpoint.best, 2);
    assert.deepEqual(await names(fs, "runs"), ["1", "3"]);
  });

  it("ModelCheckpoint accepts a file: URL on a real disk", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-checkpoint-"));
    try {
      const filepath = new URL("deep/{epoch:02d}", pathToFileURL(folder + "/"));
      await drive(new ModelCheckpoint(filepath), losses(1), { model: tinyModel() });
      assert((await stat(join(folder, "deep", "01", "model.json"))).isFile());
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("ModelCheckpoint saves to a file: URL with any characters", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-checkpoint-"));
    const onWindows = tmpdir().includes("\\");
    try {
      for (const name of ["a b", "ü#1?", "100%", "50%25", ...(onWindows ? [] : ["a\\b", "a\nb"])]) {
        for (const saveWeightsOnly of [false, true]) {
          const file = saveWeightsOnly ? "w.safetensors" : "{epoch}";
          const options = { saveWeightsOnly, maxToKeep: 1 };
          const checkpoint = new ModelCheckpoint(pathToFileURL(join(folder, name, file)), options);
          await drive(checkpoint, losses(2, 1), { model: tinyModel() });
          const saved = saveWeightsOnly ? "w.safetensors" : join("2", "model.json");
          assert((await stat(join(folder, name, saved))).isFile(), name);
        }
        assert.deepEqual((await readdir(join(folder, name))).sort(), ["2", "w.safetensors"]);
        await rm(join(folder, name), { recursive: true });
      }
      assert.deepEqual(await readdir(folder), []);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("ModelCheckpoint fails with the code of the file system when a save fails", async () => {
    const memory = memoryFileSystem();
    const full = new FileSystemError("NoSpace", "no space is left", { path: "best" });
    const fs = { ...memory, writeFile: () => Promise.reject(full) };
    for (const options of [{}, { saveOnBackground: true }]) {
      const checkpoint = new ModelCheckpoint("best", { fs, ...options });
      const error: Error = await drive(checkpoint, losses(1), { model: tinyModel() })
        .then(() => assert.fail("saved"), (error) => error);
      assert.ok(error.cause instanceof FileSystemError);
      assert.equal(error.cause.code, "NoSpace");
      assert.equal(error.cause.cause, full);
      assert.match(error.message, /Cannot save the checkpoint best: no space is left/);
    }
  });

  it("ModelCheckpoint forgets a best value whose model could not be written in the background", async () => {
    const memory = memoryFileSystem();
    let writes = 0;
    const fs: typeof memory = {
      ...memory,
      writeFile: (path, data) =>
        // The model.json of the second checkpoint, after the two files of the first and a shard.
        ++writes === 4 ? Promise.reject(new Error("no space")) : memory.writeFile(path, data),
    };
    const checkpoint = new ModelCheckpoint("best", {
      fs,
      monitor: "loss",
      saveBestOnly: true,
      saveOnBackground: true,
      onError: "warn",
    });
    const settled = { afterEpochEnd: () => checkpoint.close().catch(() => {}) };
    await captured(() =>
      drive([checkpoint, settled], losses(0.5, 0.1, 0.3, 0.2, 0.4), { model: tinyModel() })
    );
    assert.equal(checkpoint.best, 0.2);
  });

  it("ModelCheckpoint saves weights without a loadable model with saveWeightsOnly", async () => {
    const fs = memoryFileSystem();
    const options = { fs, saveWeightsOnly: true };
    await drive(new ModelCheckpoint("w", options), losses(1), { model: tinyModel() });
    assert.deepEqual(await names(fs), ["w"]);
    assert.equal(await exists("w/model.json", { fs }), false);
  });

  it("ModelCheckpoint rejects invalid options", async () => {
    for (const saveFreq of ["batch", 0, -1, 1.5, NaN]) {
      assert.throws(() => new ModelCheckpoint("m", { saveFreq: saveFreq as never }), RangeError);
    }
    assert.throws(() => new ModelCheckpoint("m", { saveFreq: true as never }), TypeError);
    assert.throws(() => new ModelCheckpoint("m", { onMissing: "no" as never }), RangeError);
    assert.throws(() => new ModelCheckpoint(""), RangeError);
    assert.throws(() => new ModelCheckpoint("{epoch"), SyntaxError);
    const { warned } = await captured(() => new ModelCheckpoint("m", { mode: "unknown" as never }));
    assert.match(warned[0], /ModelCheckpoint mode 'unknown' is unknown/);
  });

  it("ModelCheckpoint warns that a Keras path becomes a directory, and suggests another one", async () => {
    for (
      const [path, ending, stem] of [
        ["best.h5", ".h5", "best"],
        ["runs/{epoch:02d}.weights.h5", ".weights.h5", "runs/{epoch:02d}"],
        ["best.keras", ".keras", "best"],
        ["cp.ckpt", ".ckpt", "cp"],
      ]
    ) {
      assert.deepEqual((await captured(() => new ModelCheckpoint(path))).warned, [
        `keepfit: ModelCheckpoint saves a directory '${path}', not a ${ending} file: ` +
        `TensorFlow.js saves a model as a directory with model.json. Write '${stem}' for the ` +
        `model, or '${stem}.safetensors' with saveWeightsOnly for a file with its weights`,
      ]);
    }
    const { warned } = await captured(() => [
      new ModelCheckpoint("best"),
      new ModelCheckpoint("v1.h5.d/best"),
      new ModelCheckpoint("best.safetensors", { saveWeightsOnly: true }),
    ]);
    assert.deepEqual(warned, []);
  });

  it("Two checkpoints at one path are reported once, and one checkpoint in two runs is not", async () => {
    const fs = memoryFileSystem();
    const best = new ModelCheckpoint("runs/model", { fs, monitor: "loss", saveBestOnly: true });
    const others = [
      new ModelCheckpoint("./runs/a/../model", { fs }),
      new ModelCheckpoint("m", { fs }),
    ];
    const warnings = async (...callbacks: ModelCheckpoint[]) => {
      const run = { callbacks, verbose: 0, epochs: 1 } as const;
      const { warned } = await captured(() =>
        fit(tinyModel(), tf.ones([4, 1]), tf.ones([4, 1]), run)
      );
      return warned.join();
    };
    const expected = /^keepfit: another callback also writes to \.\/runs\/a\/\.\.\/model[^,]*, or/;
    assert.match(await warnings(best, ...others), expected);
    for (const one of [best, others[0]]) assert.equal(await warnings(one), "");
  });
});

describe("ModelCheckpoint in a resumed run", () => {
  /** The checkpoints of a run that monitors these values, with two batches per epoch. */
  async function train(fs: FileSystem, crashAfter = Infinity): Promise<string[]> {
    const values = [5, 6, 4, 7, 3];
    const options = { fs, monitor: "score", mode: "min", saveBestOnly: true, keepBest: 1 } as const;
    await fit(tinyModel(), tf.ones([4, 1]), tf.ones([4, 1]), {
      batchSize: 2,
      epochs: values.length,
      seed: 1,
      verbose: 0,
      callbacks: [
        { onEpochEnd: (epoch, logs) => void (logs.score = values[epoch]) },
        new ModelCheckpoint("best/{epoch}", options),
        new BackupAndRestore("backup", { fs, saveFreq: 3, saveOnBackground: false }),
        {
          onTrainBatchEnd() {
            if (--crashAfter === 0) throw new Error("crash");
          },
        },
      ],
    });
    return await names(fs, "best");
  }

  it("ModelCheckpoint in a resumed run does not miss a best checkpoint that it replaced after the backup", async () => {
    const whole = await train(memoryFileSystem());
    for (let batches = 1; batches <= 10; batches++) {
      const fs = memoryFileSystem();
      await assert.rejects(train(fs, batches), /crash/);
      const { warned } = await captured(async () => assert.deepEqual(await train(fs), whole));
      assert.deepEqual(warned.filter((text) => text.includes("ModelCheckpoint")), []);
    }
  });
});
