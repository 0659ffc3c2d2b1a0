import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, it } from "node:test";
import { checkpointHandler, loadWeights } from "./mod.ts";
import { exists, type FileSystem, memoryFileSystem } from "../runtime/mod.ts";
import { ModelCheckpoint, type ModelCheckpointOptions } from "../callbacks/model_checkpoint.ts";
import { captured, drive, losses, type Run } from "../callbacks/fixtures.ts";
import { withClock } from "../tests/clock.ts";

function tinyModel() {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [1], useBias: false })],
  });
  model.compile({ optimizer: "adam", loss: "meanSquaredError" });
  return model;
}

/** The files in the directory after a run that saves these epochs. */
async function left(
  options: ModelCheckpointOptions,
  epochs: object[],
  run: Run = {},
): Promise<string[]> {
  const fs = memoryFileSystem();
  await drive(new ModelCheckpoint("{epoch}", { fs, monitor: "loss", ...options }), epochs, {
    model: tinyModel(),
    ...run,
  });
  return await names(fs);
}

async function names(fs: FileSystem, directory = "."): Promise<string[]> {
  return (await fs.readDir(directory)).map(({ name }) => name);
}

/** A file system that writes files only when the gate opens. */
function gatedFileSystem(fs: FileSystem, gate: Promise<void>): FileSystem {
  return {
    ...fs,
    async writeFile(path, data) {
      await gate;
      await fs.writeFile(path, data);
    },
  };
}

describe("ModelCheckpoint with maxToKeep and keepBest", () => {
  it("ModelCheckpoint keeps the last checkpoints, the best ones, or both", async () => {
    const values = losses(1, 4, 3, 0.5, 2);
    assert.deepEqual(await left({ maxToKeep: 2 }, values), ["4", "5"]);
    assert.deepEqual(await left({ keepBest: 2 }, values), ["1", "4"]);
    assert.deepEqual(await left({ keepBest: 2, mode: "max" }, values), ["2", "3"]);
    assert.deepEqual(await left({ keepBest: 1, maxToKeep: 1 }, values), ["4", "5"]);
    assert.deepEqual(await left({}, values), ["1", "2", "3", "4", "5"]);
  });

  it("ModelCheckpoint prefers the older of equal values, and treats NaN or a missing value as the worst", async () => {
    assert.deepEqual(await left({ keepBest: 2 }, losses(1, 1, 1)), ["1", "2"]);
    assert.deepEqual(await left({ keepBest: 1 }, losses(NaN, 3, NaN)), ["2"]);
    const { warned } = await captured(async () => {
      assert.deepEqual(await left({ keepBest: 1, mode: "min" }, [{}, { loss: 9 }]), ["2"]);
    });
    assert.equal(warned.length, 1);
  });

  it("ModelCheckpoint counts a path that is saved repeatedly once", async () => {
    const fs = memoryFileSystem();
    const checkpoint = new ModelCheckpoint("best", { fs, maxToKeep: 1 });
    await drive(checkpoint, losses(1, 2, 3), { model: tinyModel() });
    assert.deepEqual(await names(fs), ["best"]);
    await tf.loadLayersModel(checkpointHandler("best", { fs }));
  });

  it("ModelCheckpoint removes only its own files", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("1");
    await fs.writeFile("1/notes.txt", "mine");
    await fs.makeDir("0");
    const checkpoint = new ModelCheckpoint("{epoch}", { fs, maxToKeep: 1 });
    await drive(checkpoint, losses(1, 2, 3), { model: tinyModel() });
    assert.deepEqual(await names(fs), ["0", "1", "3"]);
    assert.deepEqual(await names(fs, "1"), ["notes.txt"]);
  });

  it("ModelCheckpoint continues the count in another process, even by URL", async () => {
    const directory = await mkdtemp(join(tmpdir(), "keepfit-"));
    try {
      const url = new URL(`${pathToFileURL(directory).href}/{epoch}`);
      const first = new ModelCheckpoint(url, { maxToKeep: 2 });
      await drive(first, losses(3, 2), { model: tinyModel() });
      const second = new ModelCheckpoint(url, { maxToKeep: 2 });
      second.setState(structuredClone(await first.getState()));
      await second.setModel(tinyModel() as never);
      await second.onEpochEnd(2, { loss: 1 });
      assert.deepEqual((await readdir(directory)).sort(), ["2", "3"]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("ModelCheckpoint rejects numbers below 1", () => {
    for (const options of [{ maxToKeep: 0 }, { keepBest: 1.5 }]) {
      assert.throws(() => new ModelCheckpoint("x", options), /a whole number above 0/);
    }
  });
});

describe("ModelCheckpoint with a safetensors file", () => {
  it("ModelCheckpoint with a safetensors file saves loadable weights, creates directories, and keeps the last ones", async () => {
    const fs = memoryFileSystem();
    const model = tinyModel();
    const options = { fs, saveWeightsOnly: true, maxToKeep: 1 };
    const checkpoint = new ModelCheckpoint("runs/{epoch}/weights.safetensors", options);
    await drive(checkpoint, losses(2, 1), { model });
    const fresh = tinyModel();
    assert.deepEqual(await loadWeights(fresh, "runs/2/weights.safetensors", { fs }), {
      optimizer: false,
    });
    assert.deepEqual(fresh.getWeights()[0].dataSync(), model.getWeights()[0].dataSync());
    assert.deepEqual(await names(fs, "runs/1"), []);
  });

  it("ModelCheckpoint with a safetensors file rejects a whole model", () => {
    assert.throws(() => new ModelCheckpoint("a.safetensors"), /set saveWeightsOnly/);
  });
});

describe("ModelCheckpoint with saveOnBackground", () => {
  for (const path of ["{epoch}", "{epoch}.safetensors"]) {
    it(`ModelCheckpoint with saveOnBackground lets training continue, and saves the weights at the time of the save: ${path}`, async () => {
      const memory = memoryFileSystem();
      let open = () => {};
      const fs = gatedFileSystem(memory, new Promise((resolve) => open = resolve));
      const model = tinyModel();
      const options = { fs, saveWeightsOnly: true, saveOnBackground: true };
      const checkpoint = new ModelCheckpoint(path, options);
      checkpoint.setModel(model as never);
      await checkpoint.onTrainBegin();
      const before = model.getWeights()[0].dataSync();
      await checkpoint.onEpochEnd(0, { loss: 1 });
      await model.trainOnBatch(tf.ones([1, 1]), tf.ones([1, 1]));
      assert.notDeepEqual(model.getWeights()[0].dataSync(), before);
      const written = path.replace("{epoch}", "1");
      const isThere = () =>
        exists(path === "{epoch}" ? "1/weights_manifest.json" : written, {
          fs: memory,
        });
      assert.equal(await isThere(), false);
      open();
      await checkpoint.onTrainEnd();
      assert.equal(await isThere(), true);
      const loaded = tinyModel();
      await loadWeights(loaded, written, { fs: memory });
      assert.deepEqual(loaded.getWeights()[0].dataSync(), before);
    });
  }

  it("ModelCheckpoint with saveOnBackground saves a whole model with its optimizer at the time of the save", async () => {
    const fs = memoryFileSystem();
    const model = tinyModel();
    const train = () => model.trainOnBatch(tf.ones([1, 1]), tf.ones([1, 1]));
    const seen: ArrayLike<number>[] = [];
    const checkpoint = new ModelCheckpoint("{epoch}", { fs, saveOnBackground: true });
    await drive([checkpoint], losses(1, 2, 3), {
      model,
      train: async () => {
        await train();
        seen.push(model.getWeights()[0].dataSync());
      },
    });
    for (const [epoch, values] of seen.entries()) {
      const loaded = await tf.loadLayersModel(checkpointHandler(`${epoch + 1}`, { fs }));
      assert.deepEqual(loaded.getWeights()[0].dataSync(), values);
      assert.equal((loaded as tf.LayersModel).optimizer.iterations, epoch + 1);
    }
  });

  it("ModelCheckpoint with saveOnBackground reports a failed write at the next save, or at the end", async () => {
    const failing = { ...memoryFileSystem(), writeFile: () => Promise.reject(new Error("full")) };
    for (const epochs of [1, 2]) {
      const checkpoint = new ModelCheckpoint("{epoch}", { fs: failing, saveOnBackground: true });
      await assert.rejects(
        drive(checkpoint, losses(2, 1).slice(0, epochs), { model: tinyModel() }),
        epochs === 1
          ? /onTrainEnd: Cannot save the checkpoint 1: full/
          : /onEpochEnd \(epoch 1\): Cannot save the checkpoint 1: full/,
      );
    }
  });

  it("ModelCheckpoint with saveOnBackground leaks no tensor, whether it succeeds or fails", async () => {
    const model = tinyModel();
    await model.trainOnBatch(tf.ones([1, 1]), tf.ones([1, 1]));
    const before = tf.memory().numTensors;
    const memory = memoryFileSystem();
    for (const writeFile of [memory.writeFile, () => Promise.reject(new Error("full"))]) {
      for (const name of ["{epoch}", "{epoch}.safetensors"]) {
        const options = { saveWeightsOnly: name !== "{epoch}", saveOnBackground: true };
        const checkpoint = new ModelCheckpoint(name, { fs: { ...memory, writeFile }, ...options });
        await drive(checkpoint, losses(2, 1), { model }).catch(() => {});
      }
    }
    assert.equal(tf.memory().numTensors, before);
  });
});

describe("ModelCheckpoint with saveEvery", () => {
  it("ModelCheckpoint with saveEvery saves after the batch in which the interval ends, and restarts the clock", async () => {
    const by = (saveEvery: ModelCheckpointOptions["saveEvery"]) =>
      withClock(async (pass) => {
        const fs = memoryFileSystem();
        const checkpoint = new ModelCheckpoint("{epoch}-{batch}", { fs, saveEvery });
        const computing = { onTrainBatchBegin: () => pass(600_000) };
        await drive([computing, checkpoint], losses(2, 1), { model: tinyModel(), batches: 2 });
        return await names(fs);
      });
    assert.deepEqual(await by({ seconds: 600 }), ["1-1", "1-2", "2-1", "2-2"]);
    assert.deepEqual(await by({ minutes: 15 }), ["1-2", "2-2"]);
    assert.deepEqual(await by({ minutes: 60 }), []);
  });

  it("ModelCheckpoint with saveEvery continues with the clock of the run that it resumes", async () => {
    await withClock(async (pass) => {
      const fs = memoryFileSystem();
      const make = () => new ModelCheckpoint("{epoch}-{batch}", { fs, saveEvery: { minutes: 30 } });
      const computing = { onTrainBatchBegin: () => pass(600_000) };
      const first = make();
      await drive([computing, first], losses(1), { model: tinyModel(), batches: 2 });
      assert.deepEqual(await names(fs), []);
      const state = await first.getState();
      pass(9_000_000);
      const second = make();
      second.setState(state);
      await drive([computing, second], losses(1), { model: tinyModel(), batches: 2 });
      assert.deepEqual(await names(fs), ["1-1"]);
      // Another run starts with its own clock.
      await fs.remove("1-1", { recursive: true });
      await drive([computing, second], losses(1), { model: tinyModel(), batches: 2 });
      assert.deepEqual(await names(fs), []);
    });
  });

  it("ModelCheckpoint with saveEvery reads only the logs of those batches", async () => {
    const often = new ModelCheckpoint("{batch}-{loss}", {
      fs: memoryFileSystem(),
      saveEvery: { seconds: 10 },
    });
    const seldom = new ModelCheckpoint("x", {
      fs: memoryFileSystem(),
      saveEvery: { minutes: 60 },
    });
    for (const [checkpoint, reads] of [[often, true], [seldom, false]] as const) {
      await withClock(async (pass) => {
        await checkpoint.onTrainBegin();
        pass(10_000);
        await checkpoint.onTrainBatchBegin!(0, {});
        assert.equal(checkpoint.readsBatchLogs(0), reads);
      });
    }
  });

  it("ModelCheckpoint with saveEvery rejects an additional saveFreq, and invalid times", () => {
    const options = { saveEvery: { seconds: 1 }, saveFreq: 5 };
    assert.throws(() => new ModelCheckpoint("x", options), /set only one of them/);
    for (const saveEvery of [{}, { seconds: 0 }, { hours: 1 }, { seconds: 1, minutes: 1 }, 5]) {
      assert.throws(
        () => new ModelCheckpoint("x", { saveEvery: saveEvery as never }),
        /\{ seconds \} or \{ minutes \} above 0/,
      );
    }
  });
});

describe("ModelCheckpoint with saveOnException", () => {
  it("ModelCheckpoint with saveOnException saves the model only when the run fails", async () => {
    const fs = memoryFileSystem();
    const model = tinyModel();
    const options = { fs, saveFreq: 99, saveOnException: "crash", saveOnBackground: true };
    const checkpoint = () => new ModelCheckpoint("{epoch}-{batch}", options);
    await drive(checkpoint(), losses(1), { model });
    assert.equal(await exists("crash", { fs }), false);
    const crash = () => {
      throw new Error("intended");
    };
    await assert.rejects(drive(checkpoint(), losses(2, 1), { model, train: crash }), /intended/);
    const loaded = await tf.loadLayersModel(checkpointHandler("crash", { fs }));
    assert.deepEqual(loaded.getWeights()[0].dataSync(), model.getWeights()[0].dataSync());
  });
});
