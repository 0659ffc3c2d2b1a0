import * as tf from "@tensorflow/tfjs";
import { before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import {
  checkpointHandler,
  exists,
  type FileSystem,
  FileSystemError,
  getRuntime,
  joinPath,
  loadWeights,
  memoryFileSystem,
  type Path,
  removeCheckpoint,
  saveCheckpoint,
} from "keepfit/runtime";

before(() => tf.setBackend("cpu"));

function dense(units = 3): tf.Sequential {
  return tf.sequential({
    layers: [
      tf.layers.dense({ units, inputShape: [2], activation: "tanh" }),
      tf.layers.dense({ units: 1 }),
    ],
  });
}

function convolutional(): tf.Sequential {
  const { conv2d, batchNormalization, flatten, dense } = tf.layers;
  return tf.sequential({
    layers: [
      conv2d({ filters: 2, kernelSize: 2, inputShape: [4, 4, 1] }),
      batchNormalization(),
      flatten(),
      dense({ units: 2 }),
    ],
  });
}

function embedding(): tf.LayersModel {
  const input = tf.input({ shape: [3], dtype: "int32" });
  const embedded = tf.layers.embedding({ inputDim: 5, outputDim: 4 }).apply(input);
  const output = tf.layers.lstm({ units: 2 }).apply(embedded) as tf.SymbolicTensor;
  return tf.model({ inputs: input, outputs: output });
}

/** The values of all weights. */
function valuesOf(model: tf.LayersModel): number[][] {
  return model.getWeights().map((weight) => Array.from(weight.dataSync()));
}

async function filesOf(fs: FileSystem, directory: Path): Promise<string[]> {
  return (await fs.readDir(directory)).map((entry) => entry.name);
}

async function manifestOf(fs: FileSystem, directory: Path) {
  return JSON.parse(await fs.readTextFile(joinPath(directory, "model.json")));
}

/** Messages of `console.warn` during `body`. */
async function warningsOf(body: () => Promise<unknown>): Promise<string[]> {
  const warn = console.warn;
  const warnings: string[] = [];
  console.warn = (message: string) => warnings.push(message);
  try {
    await body();
  } finally {
    console.warn = warn;
  }
  return warnings;
}

/** A file system that fails after n changes, as if its process was killed. */
function dyingFileSystem(fs: FileSystem, after: number): FileSystem {
  let changes = 0;
  const die = () => {
    if (++changes > after) throw new Error("killed");
  };
  return {
    ...fs,
    async writeFile(path, data) {
      die();
      await fs.writeFile(path, data);
    },
    async remove(path, options) {
      die();
      await fs.remove(path, options);
    },
  };
}

describe("saveCheckpoint", () => {
  for (const [name, build] of Object.entries({ dense, convolutional, embedding })) {
    it(`saveCheckpoint saves a model that tfjs loads with the same values: ${name}`, async () => {
      const fs = memoryFileSystem();
      const model = build();
      await saveCheckpoint(model, "m", { fs });
      const loaded = await tf.loadLayersModel(checkpointHandler("m", { fs }));
      assert.deepEqual(valuesOf(loaded), valuesOf(model));
      const classes = ({ layers }: tf.LayersModel) => layers.map((layer) => layer.getClassName());
      assert.deepEqual(classes(loaded), classes(model));
      assert.equal(loaded.getClassName(), model.getClassName());
      assert.equal(loaded.optimizer, undefined);
    });
  }

  it("saveCheckpoint splits weights at any byte, and loading joins them again", async () => {
    const fs = memoryFileSystem();
    const model = dense(7);
    await saveCheckpoint(model, "m", { fs, maxShardBytes: 10 });
    const [{ paths, bytes }] = (await manifestOf(fs, "m")).weightsManifest;
    // 29 values of 4 bytes.
    assert.deepEqual(bytes, [...Array(11).fill(10), 6]);
    assert.equal(new Set(paths).size, 12);
    const loaded = await tf.loadLayersModel(checkpointHandler("m", { fs }));
    assert.deepEqual(valuesOf(loaded), valuesOf(model));
  });

  it("saveCheckpoint saves files that tfjs loads over HTTP", async () => {
    const { fs, serve } = getRuntime();
    const directory = mkdtempSync(`${tmpdir()}/keepfit-checkpoint-`);
    const server = await serve(
      async (request) => {
        const bytes = await fs.readFile(directory + new URL(request.url).pathname);
        return new Response(bytes as Uint8Array<ArrayBuffer>);
      },
      { hostname: "127.0.0.1", port: 0 },
    );
    try {
      const model = dense();
      model.compile({ loss: "meanSquaredError", optimizer: "adam" });
      await saveCheckpoint(model, directory, { maxShardBytes: 16 });
      const loaded = await tf.loadLayersModel(`${server.url}model.json`);
      assert.deepEqual(valuesOf(loaded), valuesOf(model));
      assert.equal(loaded.optimizer.getClassName(), "Adam");
    } finally {
      await server.close();
      rmSync(directory, { recursive: true });
    }
  });

  it("saveCheckpoint saves the model at the time of the call, even if training continues", async () => {
    const fs = memoryFileSystem();
    const model = dense();
    const before = valuesOf(model);
    const saving = saveCheckpoint(model, "m", { fs, maxShardBytes: 4 });
    model.setWeights(model.getWeights().map((weight) => tf.zerosLike(weight)));
    await saving;
    const loaded = await tf.loadLayersModel(checkpointHandler("m", { fs }));
    assert.deepEqual(valuesOf(loaded), before);
  });

  it("saveCheckpoint keeps the metadata of the model and of the options", async () => {
    const fs = memoryFileSystem();
    const model = dense();
    model.setUserDefinedMetadata({ author: "me", epoch: 0 });
    await saveCheckpoint(model, "m", { fs, metadata: { epoch: 3 } });
    const loaded = await tf.loadLayersModel(checkpointHandler("m", { fs }));
    assert.deepEqual(loaded.getUserDefinedMetadata(), { author: "me", epoch: 3 });
    assert.deepEqual(model.getUserDefinedMetadata(), { author: "me", epoch: 0 });
  });

  it("saveCheckpoint leaks no tensor and disposes no live one", async () => {
    const fs = memoryFileSystem();
    const model = dense();
    model.compile({ loss: "meanSquaredError", optimizer: tf.train.adam(0.1) });
    await model.trainOnBatch(tf.ones([4, 2]), tf.ones([4, 1]));
    const { numTensors } = tf.memory();
    await saveCheckpoint(model, "m", { fs });
    await saveCheckpoint(model, "w", { fs, weightsOnly: true });
    const failing = { ...fs, writeFile: () => Promise.reject(new Error("disk")) };
    await assert.rejects(saveCheckpoint(model, "m", { fs: failing }), /disk/);
    assert.equal(tf.memory().numTensors, numTensors);
    await model.trainOnBatch(tf.ones([4, 2]), tf.ones([4, 1]));
  });

  it("saveCheckpoint replaces only the files of the previous checkpoint", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("m");
    for (const foreign of ["notes.txt", "weights-other-1.bin"]) {
      await fs.writeFile(`m/${foreign}`, "");
    }
    await saveCheckpoint(dense(), "m", { fs, maxShardBytes: 20 });
    await saveCheckpoint(dense(), "m", { fs });
    const [{ paths }] = (await manifestOf(fs, "m")).weightsManifest;
    const expected = ["model.json", "notes.txt", "weights-other-1.bin", ...paths].sort();
    assert.deepEqual(await filesOf(fs, "m"), expected);
  });

  it("saveCheckpoint removes only weight files, regardless of what the previous manifest lists", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("m");
    await fs.writeFile("precious.bin", "x");
    const paths = ["../precious.bin", "/precious.bin", "..", "model.json"];
    const weightsManifest = [{ paths, weights: [] }];
    await fs.writeFile("m/model.json", JSON.stringify({ weightsManifest }));
    await saveCheckpoint(dense(), "m", { fs });
    assert.equal(await fs.readTextFile("precious.bin"), "x");
    await checkpointHandler("m", { fs }).load();
  });

  it("saveCheckpoint removes the weights of a killed save, and keeps those that another file names", async () => {
    const fs = memoryFileSystem();
    const save = (weightsOnly: boolean) =>
      saveCheckpoint(dense(), "m", { fs, weightsOnly, maxShardBytes: 20 });
    await save(true);
    const kept = await filesOf(fs, "m");
    await save(false);
    for (const name of (await filesOf(fs, "m")).filter((name) => name.endsWith("-1.bin"))) {
      await fs.writeFile(`m/${name.replace("-1.bin", "-9.bin")}`, "");
    }
    await fs.writeFile("m/weights-01234567-89ab-1.bin", "");
    await fs.writeFile("m/.keepfit-01234567-89ab-cdef-0123-456789abcdef.tmp", "");
    await save(false);
    const [{ paths }] = (await manifestOf(fs, "m")).weightsManifest;
    assert.deepEqual(await filesOf(fs, "m"), [...kept, "model.json", ...paths].sort());
  });

  it("saveCheckpoint leaves a complete checkpoint at whatever point it is killed", async () => {
    const [first, second] = [dense(), dense()];
    const seen = new Set<string>();
    for (let after = 0, killed = true; killed; after++) {
      const fs = memoryFileSystem();
      await saveCheckpoint(first, "m", { fs, maxShardBytes: 20 });
      killed = await saveCheckpoint(second, "m", {
        fs: dyingFileSystem(fs, after),
        maxShardBytes: 20,
      }).then(() => false, () => true);
      const loaded = await tf.loadLayersModel(checkpointHandler("m", { fs }));
      const is = (model: tf.LayersModel) => String(valuesOf(loaded)) === String(valuesOf(model));
      assert(is(first) || is(second), `a mix after ${after} changes`);
      assert(killed || is(second));
      seen.add(is(first) ? "first" : "second");
    }
    assert.deepEqual([...seen], ["first", "second"]);
  });

  it("saveCheckpoint removes its files when it fails", async () => {
    const fs = memoryFileSystem();
    let writes = 0;
    const failing: FileSystem = {
      ...fs,
      writeFile: (path, data) =>
        ++writes > 3 ? Promise.reject(new Error("disk full")) : fs.writeFile(path, data),
    };
    await assert.rejects(
      saveCheckpoint(dense(), "m", { fs: failing, maxShardBytes: 8 }),
      /disk full/,
    );
    assert.deepEqual(await filesOf(fs, "m"), []);
  });

  it("saveCheckpoint can be read while another save replaces it", async () => {
    const fs = memoryFileSystem();
    const model = dense();
    await saveCheckpoint(model, "m", { fs });
    let replaced = false;
    const slow: FileSystem = {
      ...fs,
      async readFile(path) {
        if (!replaced) await saveCheckpoint(model, "m", { fs });
        replaced = true;
        return await fs.readFile(path);
      },
    };
    const loaded = await tf.loadLayersModel(checkpointHandler("m", { fs: slow }));
    assert.deepEqual(valuesOf(loaded), valuesOf(model));
  });

  it("saveCheckpoint saves only the weights, as a list of groups", async () => {
    const fs = memoryFileSystem();
    const model = dense();
    model.compile({ loss: "meanSquaredError", optimizer: "adam" });
    await saveCheckpoint(model, "m", { fs, weightsOnly: true });
    const groups = JSON.parse(await fs.readTextFile("m/weights_manifest.json"));
    assert.equal(groups.length, 1);
    assert.deepEqual(await filesOf(fs, "m"), [...groups[0].paths, "weights_manifest.json"]);
    const names = groups[0].weights.map((weight: { name: string }) => weight.name);
    assert.deepEqual(names, model.weights.map((weight) => weight.originalName));
  });

  it("saveCheckpoint saves int32, bool and string weights", async () => {
    const fs = memoryFileSystem();
    class Keeper extends tf.layers.Layer {
      static className = "Keeper";
      tensors = [
        tf.tensor([1, -2], [2], "int32"),
        tf.tensor([1, 0, 1], [3], "bool"),
        tf.tensor(["a", "größer", ""], [3], "string"),
      ];
    }
    const { tensors } = new Keeper({});
    // The layers API creates no such weights, so this object has only the members that are used.
    const model = Object.assign(dense(), {});
    const names = ["i", "b", "s"];
    Object.defineProperty(model, "weights", {
      value: names.map((name, i) => ({ originalName: name, ...tensors[i] })),
    });
    model.getWeights = () => tensors;
    await saveCheckpoint(model, "m", { fs, maxShardBytes: 5 });
    const { weightData, weightSpecs } = await checkpointHandler("m", { fs }).load();
    const loaded = tf.io.decodeWeights(weightData as ArrayBuffer[], weightSpecs!);
    for (const [i, name] of names.entries()) {
      assert.equal(loaded[name].dtype, tensors[i].dtype);
      assert.deepEqual(loaded[name].dataSync(), tensors[i].dataSync());
    }
  });

  it("saveCheckpoint saves a model with a custom loss without its training configuration, and warns once", async () => {
    const fs = memoryFileSystem();
    for (
      const config of [
        { loss: (y: tf.Tensor, p: tf.Tensor) => tf.losses.meanSquaredError(y, p) as tf.Scalar },
        { loss: "meanSquaredError", metrics: [(y: tf.Tensor, p: tf.Tensor) => y.sub(p).mean()] },
      ]
    ) {
      const model = dense();
      model.compile({ optimizer: tf.train.momentum(0.1, 0.9), ...config });
      await model.trainOnBatch(tf.ones([4, 2]), tf.ones([4, 1]));
      const warnings = await warningsOf(async () => {
        await saveCheckpoint(model, "m", { fs });
        await saveCheckpoint(model, "m", { fs });
      });
      assert.equal(warnings.length, 1);
      assert.match(warnings[0], /^keepfit: .* function.*; call model\.compile\(\) after loading$/);
      const loaded = await tf.loadLayersModel(checkpointHandler("m", { fs }));
      assert.equal(loaded.optimizer, undefined);
      loaded.compile({ optimizer: tf.train.momentum(0.1, 0.9), ...config });
      assert.deepEqual(await loadWeights(loaded, "m", { fs }), { optimizer: true });
    }
  });

  it("saveCheckpoint hides data from tfjs that tfjs cannot load, and removes it with the checkpoint", async () => {
    const fs = memoryFileSystem();
    const model = dense();
    model.compile({ loss: "meanSquaredError", optimizer: tf.train.adamax(0.1) });
    await model.trainOnBatch(tf.ones([4, 2]), tf.ones([4, 1]));
    await saveCheckpoint(model, "m", { fs });
    await saveCheckpoint(model, "m", { fs, maxShardBytes: 40 });
    const { optimizerState, weightsManifest } = await manifestOf(fs, "m");
    const shards = [...weightsManifest, ...optimizerState.weightsManifest]
      .flatMap(({ paths }) => paths);
    // 13 weights with two slots each.
    assert.equal(shards.length, 2 + 3);
    assert.deepEqual(await filesOf(fs, "m"), ["model.json", ...shards].sort());
    const loaded = await tf.loadLayersModel(checkpointHandler("m", { fs }));
    assert.equal(loaded.optimizer.getClassName(), "Adamax");
    await removeCheckpoint("m", { fs });
    assert.equal(await exists("m", { fs }), false);
  });

  it("saveCheckpoint can omit the optimizer", async () => {
    const fs = memoryFileSystem();
    const model = dense();
    model.compile({ loss: "meanSquaredError", optimizer: "adam" });
    await saveCheckpoint(model, "m", { fs, includeOptimizer: false });
    const loaded = await tf.loadLayersModel(checkpointHandler("m", { fs }));
    assert.equal(loaded.optimizer, undefined);
  });

  it("saveCheckpoint rejects a value that is not a model, and an invalid shard size", async () => {
    const fs = memoryFileSystem();
    for (const maxShardBytes of [0, -1, NaN]) {
      await assert.rejects(saveCheckpoint(dense(), "m", { fs, maxShardBytes }), RangeError);
    }
    await assert.rejects(saveCheckpoint({} as tf.LayersModel, "m", { fs }), TypeError);
  });
});

describe("checkpointHandler", () => {
  it("checkpointHandler is a handler for model.save", async () => {
    const fs = memoryFileSystem();
    const handler = checkpointHandler("m", { fs });
    const model = dense();
    model.compile({ loss: "meanSquaredError", optimizer: "adam" });
    await model.trainOnBatch(tf.ones([4, 2]), tf.ones([4, 1]));
    const { modelArtifactsInfo } = await model.save(handler, { includeOptimizer: true });
    // 13 weights with two slots each, and the counter.
    assert.equal(modelArtifactsInfo.weightDataBytes, 4 * (13 * 3 + 1));
    const loaded = await tf.loadLayersModel(handler);
    assert.deepEqual(valuesOf(loaded), valuesOf(model));
    assert.equal(loaded.optimizer.iterations, 1);
  });

  it("checkpointHandler names the missing file", async () => {
    await assert.rejects(
      checkpointHandler("none", { fs: memoryFileSystem() }).load(),
      (error) => {
        assert(error instanceof FileSystemError);
        assert.equal(error.code, "NotFound");
        assert.equal(error.message, "Cannot load a checkpoint from none: it has no model.json");
        return true;
      },
    );
  });

  it("checkpointHandler names the damaged file", async () => {
    const fs = memoryFileSystem();
    const { load } = checkpointHandler("m", { fs });
    await saveCheckpoint(dense(), "m", { fs, maxShardBytes: 40 });
    const json = await fs.readTextFile("m/model.json");
    const { weightsManifest, crc32c: _, ...rest } = JSON.parse(json);
    const [{ paths, weights }] = weightsManifest;

    const shard = await fs.readFile(`m/${paths[0]}`);
    await fs.writeFile(`m/${paths[0]}`, shard.subarray(0, 39));
    await assert.rejects(load(), {
      name: "RangeError",
      message: `Cannot load m/${
        paths[0]
      }: it has 39 bytes, expected 40 (is it truncated, or from another save?)`,
    });
    // Without sizes and checksums, as written by other programs, the total size is still checked.
    await fs.writeFile(
      "m/model.json",
      JSON.stringify({ ...rest, weightsManifest: [{ paths, weights }] }),
    );
    await assert.rejects(load(), /^RangeError: Cannot load m\/.*: 51 bytes in total, expected 52/);
    await fs.remove(`m/${paths[1]}`);
    await assert.rejects(
      load(),
      new RegExp(`^FileSystemError: Cannot read m/${paths[1]}: no such`),
    );
    for (const text of [json.slice(0, 100), ""]) {
      await fs.writeFile("m/model.json", text);
      await assert.rejects(load(), /^SyntaxError: Cannot load m\/model\.json: it is not JSON/);
    }
    for (const text of ["null", "[]", '{"weightsManifest":[{}]}', "1"]) {
      await fs.writeFile("m/model.json", text);
      if (text !== "[]") await assert.rejects(load(), /model\.json: it has no weights manifest/);
    }
  });
});
