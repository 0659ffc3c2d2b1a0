import * as tf from "@tensorflow/tfjs";
import { checkpointHandler, loadWeights, saveCheckpoint } from "keepfit";
import { type FileSystem, memoryFileSystem, saveSafetensors } from "keepfit/runtime";
import assert from "node:assert/strict";
import { describe, it } from "node:test";

const makeModel = () =>
  tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [4], name: "out" })] });

/** A checkpoint with this path of its first shard, and the paths that are read. */
async function foreign(path: string): Promise<{ fs: FileSystem; read: string[] }> {
  const memory = memoryFileSystem();
  await saveCheckpoint(makeModel(), "runs/model", { fs: memory });
  const { crc32c: _, ...json } = JSON.parse(await memory.readTextFile("runs/model/model.json"));
  const [shard] = json.weightsManifest[0].paths;
  json.weightsManifest[0].paths = [path];
  await memory.writeFile("runs/model/model.json", JSON.stringify(json));
  await memory.makeDir("runs/model/parts");
  await memory.rename(`runs/model/${shard}`, "runs/model/parts/shard.bin");
  const read: string[] = [];
  const readFile: FileSystem["readFile"] = (path) => {
    read.push(String(path));
    return memory.readFile(path);
  };
  return { fs: { ...memory, readFile }, read };
}

describe("A foreign checkpoint", () => {
  for (
    const path of [
      "../secret.bin",
      "parts/../../secret.bin",
      "/dev/zero",
      "..",
      "C:/secret.bin",
      "..\\secret.bin",
      "a\0b",
    ]
  ) {
    it(`A foreign checkpoint is rejected before a file outside its folder is read: ${JSON.stringify(path)}`, async () => {
      const { fs, read } = await foreign(path);
      const refusal = {
        name: "RangeError",
        message: /lists .*; expected files in its own folder$/,
      };
      await assert.rejects(tf.loadLayersModel(checkpointHandler("runs/model", { fs })), refusal);
      await assert.rejects(loadWeights(makeModel(), "runs/model", { fs }), refusal);
      assert.deepEqual(read, []);
    });
  }

  it("A foreign checkpoint may have its shards in subfolders", async () => {
    for (const path of ["parts/shard.bin", "./parts/shard.bin"]) {
      const { fs } = await foreign(path);
      const model = await tf.loadLayersModel(checkpointHandler("runs/model", { fs }));
      assert.equal(model.countParams(), 5);
    }
  });
});

describe("Saving", () => {
  it("Saving disposes each tensor once, even when writing fails", async () => {
    for (const isFailing of [false, true]) {
      for (const save of [saveSafetensors, saveCheckpoint]) {
        const model = makeModel();
        const disposed = new Map<object, number>();
        for (const weight of model.getWeights()) {
          const { clone } = weight;
          weight.clone = function (this: tf.Tensor) {
            const taken = clone.call(this);
            const { dispose } = taken;
            taken.dispose = () => {
              disposed.set(taken, (disposed.get(taken) ?? 0) + 1);
              dispose.call(taken);
            };
            return taken;
          } as never;
        }
        const memory = memoryFileSystem();
        const fs: FileSystem = isFailing
          ? { ...memory, writeFile: () => Promise.reject(new Error("no space left")) }
          : memory;
        const saved = save(model, "model.safetensors", { fs });
        await (isFailing ? assert.rejects(saved, /no space left/) : saved);
        assert.deepEqual([...disposed.values()], [1, 1]);
      }
    }
  });
});
