import * as tf from "@tensorflow/tfjs";
import {
  BackupAndRestore,
  Callback,
  CSVLogger,
  fit,
  JSONLinesLogger,
  LearningRateFinder,
  ModelCheckpoint,
  TensorBoard,
} from "keepfit";
import { type FileSystem, FileSystemError, memoryFileSystem } from "keepfit/runtime";
import assert from "node:assert/strict";
import { describe, it } from "node:test";

type Make = (path: string, fs: FileSystem) => Callback;
const folders: Record<string, Make> = {
  BackupAndRestore: (path, fs) => new BackupAndRestore(path, { fs }),
  TensorBoard: (logDir, fs) => new TensorBoard({ logDir, fs }),
};
const files: Record<string, Make> = {
  CSVLogger: (path, fs) => new CSVLogger(path, { fs }),
  JSONLinesLogger: (path, fs) => new JSONLinesLogger(path, { fs }),
  LearningRateFinder: (plot, fs) => new LearningRateFinder({ plot, fs }),
};

/** The cause of the failure of a run before its first batch. */
async function refusal(callback: Callback): Promise<FileSystemError> {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  let batches = 0;
  const error = await fit(model, tf.ones([2, 1]), tf.ones([2, 1]), {
    verbose: 0,
    validationSplit: 0.5,
    callbacks: [callback, { onTrainBatchBegin: () => void batches++ }],
  }).then(() => undefined, (error: Error) => error);
  assert.equal(batches, 0);
  assert.ok(error?.cause instanceof FileSystemError, String(error));
  return error.cause;
}

/** A file system with read-only folders. */
async function readOnly(folder: string): Promise<FileSystem> {
  const fs = memoryFileSystem();
  await fs.makeDir(folder);
  const refuse = (path: string | URL) =>
    Promise.reject(
      new FileSystemError("PermissionDenied", `Cannot write ${path}`, { path: String(path) }),
    );
  return { ...fs, open: refuse, writeFile: refuse };
}

describe("Before the first batch", () => {
  it("ModelCheckpoint fails when its first checkpoint is not writable, even in a template", async () => {
    const weights = { saveWeightsOnly: true, monitor: "loss" };
    const cases: [path: string, taken: string, isFile: boolean, options: object][] = [
      ["best.h5", "best.h5", true, {}],
      ["runs/{epoch:02d}", "runs/01", true, {}],
      ["runs/{epoch}-{loss:.2f}", "runs", true, {}],
      ["best.safetensors", "best.safetensors", false, weights],
      ["best", "failed", true, { saveOnException: "failed" }],
    ];
    for (const [path, taken, isFile, options] of cases) {
      const fs = memoryFileSystem();
      if (taken.includes("/")) await fs.makeDir("runs");
      await (isFile ? fs.writeFile(taken, "") : fs.makeDir(taken));
      const { code } = await refusal(new ModelCheckpoint(path, { fs, ...options }));
      assert.match(code, /^(AlreadyExists|IsADirectory|NotADirectory)$/);
      assert.equal((await fs.stat(taken)).isFile, isFile);
    }
    await refusal(new ModelCheckpoint("runs/{epoch}", { fs: await readOnly("runs") }));
  });

  it("ModelCheckpoint creates only the parent folders of its checkpoints", async () => {
    const fs = memoryFileSystem();
    const stopping = { onTrainBegin: () => Promise.reject(new Error("stop")) };
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    await assert.rejects(fit(model, tf.ones([2, 1]), tf.ones([2, 1]), {
      verbose: 0,
      callbacks: [new ModelCheckpoint("runs/best", { fs }), stopping],
    }));
    assert.deepEqual(await fs.readDir("runs"), []);
  });

  for (const [name, make] of Object.entries(folders)) {
    it(`${name} fails when its folder is a file`, async () => {
      for (const taken of ["runs", "runs/a"]) {
        const fs = memoryFileSystem();
        await fs.makeDir("runs");
        if (taken === "runs") await fs.remove(taken);
        await fs.writeFile(taken, "");
        const { code } = await refusal(make("runs/a", fs));
        assert.match(code, /^(AlreadyExists|NotADirectory)$/);
      }
    });
  }

  it("TensorBoard fails when the folder of a run is a file", async () => {
    for (const run of ["train", "validation"]) {
      const fs = memoryFileSystem();
      await fs.makeDir("logs");
      await fs.writeFile(`logs/${run}`, "");
      await refusal(new TensorBoard({ fs }));
    }
  });

  for (const [name, make] of Object.entries(files)) {
    it(`${name} fails when its file is a folder, or its folder a file`, async () => {
      const fs = memoryFileSystem();
      await fs.makeDir("runs/log");
      await fs.writeFile("file", "");
      assert.equal((await refusal(make("runs/log", fs))).code, "IsADirectory");
      await refusal(make("file/log", fs));
    });
  }

  for (const [name, make] of Object.entries({ ...folders, ...files })) {
    it(`${name} fails when its folder is not writable`, async () => {
      const { code } = await refusal(make("runs/a", await readOnly("runs")));
      assert.equal(code, "PermissionDenied");
    });
  }
});
