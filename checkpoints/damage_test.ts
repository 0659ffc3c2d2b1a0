import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { exponentialMovingAverage, getOptimizerState, setOptimizerState } from "keepfit";
import {
  checkpointHandler,
  type FileSystem,
  loadWeights,
  memoryFileSystem,
  readSafetensors,
  saveCheckpoint,
  saveSafetensors,
} from "keepfit/runtime";
import { createRandom, isLong } from "../tests/seeded.ts";

before(() => tf.setBackend("cpu"));

const optimizers: Record<string, () => tf.Optimizer> = {
  Adam: () => tf.train.adam(0.1),
  // Its slots and averages are hidden from TensorFlow.js.
  Adamax: () => exponentialMovingAverage(tf.train.adamax(0.1), { momentum: 0.9 }),
};

function makeModel(optimizer = optimizers.Adam(), units = 3): tf.LayersModel {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ name: "hidden", units, inputShape: [2] }),
      tf.layers.dense({ name: "out", units: 1 }),
    ],
  });
  model.compile({ optimizer, loss: "meanSquaredError" });
  return model;
}

async function trained(optimizer?: tf.Optimizer, units?: number): Promise<tf.LayersModel> {
  const model = makeModel(optimizer, units);
  await model.trainOnBatch(tf.tensor2d([[0.5, -1]]), tf.tensor2d([[2]]));
  return model;
}

/** Everything that loading may change. */
async function contentOf(model: tf.LayersModel): Promise<unknown> {
  return [model.getWeights().map((weight) => weight.arraySync()), await getOptimizerState(model)];
}

/** Files of a folder by path. */
async function filesOf(fs: FileSystem, folder: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const { name } of await fs.readDir(folder)) {
    files.set(`${folder}/${name}`, await fs.readFile(`${folder}/${name}`));
  }
  return files;
}

/** Remove the checksums from a `model.json`, as written by earlier versions. */
async function removeChecksums(fs: FileSystem, path: string): Promise<void> {
  const { crc32c: _, ...json } = JSON.parse(await fs.readTextFile(path));
  for (const groups of [json.weightsManifest, json.optimizerState.weightsManifest]) {
    for (const group of groups ?? []) delete group.crc32c;
  }
  await fs.writeFile(path, JSON.stringify(json));
}

describe("A damaged checkpoint", () => {
  for (const [className, make] of Object.entries(optimizers)) {
    for (const form of ["a folder", "a safetensors file"]) {
      it(`A damaged checkpoint does not change the model, whichever bit is flipped: ${form}, ${className}`, async () => {
        const fs = memoryFileSystem();
        const saved = await trained(make());
        const path = form === "a folder" ? "best" : "best/weights.safetensors";
        await fs.makeDir("best");
        if (form === "a folder") await saveCheckpoint(saved, path, { fs });
        else await saveSafetensors(saved, path, { fs });
        const model = await trained(make());
        let untouched = await contentOf(model);
        const random = createRandom(11);
        for (const [file, bytes] of await filesOf(fs, "best")) {
          const stride = isLong ? 1 : Math.ceil(bytes.length / 60);
          for (let at = random(stride); at < bytes.length; at += stride) {
            const flipped = bytes.slice();
            flipped[at] ^= 1 << random(8);
            await fs.writeFile(file, flipped);
            const what = `bit of byte ${at} of ${file}`;
            const failure = await loadWeights(model, path, { fs }).then(() => undefined, String);
            if (failure !== undefined) {
              assert.match(failure, /Cannot (load|read) .*best/, what);
              assert.deepEqual(await contentOf(model), untouched, what);
            } else {
              // Only bits that do not affect the weights: the name of a checksum, or a space.
              untouched = await contentOf(model);
              const weightsIn = (content: unknown) => (content as unknown[])[0];
              assert.deepEqual(weightsIn(untouched), weightsIn(await contentOf(saved)), what);
            }
            await fs.writeFile(file, bytes);
          }
        }
      });
    }
  }

  it("A damaged checkpoint is reported with the name of the file, even by tf.loadLayersModel", async () => {
    const fs = memoryFileSystem();
    await saveCheckpoint(await trained(optimizers.Adamax()), "best", { fs, maxShardBytes: 40 });
    const { weightsManifest, optimizerState } = JSON.parse(
      await fs.readTextFile("best/model.json"),
    );
    for (const { paths } of [...weightsManifest, ...optimizerState.weightsManifest]) {
      for (const name of paths) {
        const bytes = await fs.readFile(`best/${name}`);
        const flipped = bytes.slice();
        flipped[5] ^= 1;
        await fs.writeFile(`best/${name}`, flipped);
        const message = `Cannot load best/${name}: its checksum is wrong, so it is damaged`;
        const refusal = { name: "SyntaxError", message };
        await assert.rejects(loadWeights(makeModel(), "best", { fs }), refusal);
        await assert.rejects(tf.loadLayersModel(checkpointHandler("best", { fs })), refusal);
        await fs.writeFile(`best/${name}`, bytes);
      }
    }
  });

  it("A changed model.json is reported, unless only its formatting differs", async () => {
    const fs = memoryFileSystem();
    const saved = await trained();
    await saveCheckpoint(saved, "best", { fs });
    const text = await fs.readTextFile("best/model.json");
    await fs.writeFile("best/model.json", text.replace(/"iterations":1\b/, '"iterations":9'));
    await assert.rejects(
      loadWeights(makeModel(), "best", { fs }),
      /^SyntaxError: Cannot load best\/model\.json: its checksum is wrong, .* remove its crc32c$/,
    );
    await fs.writeFile("best/model.json", JSON.stringify(JSON.parse(text), null, 2));
    const model = makeModel();
    await loadWeights(model, "best", { fs });
    assert.deepEqual(await contentOf(model), await contentOf(saved));
  });

  it("A checkpoint without checksums, written by another version or program, can be loaded", async () => {
    for (const make of Object.values(optimizers)) {
      const fs = memoryFileSystem();
      const saved = await trained(make());
      await saveCheckpoint(saved, "best", { fs });
      await removeChecksums(fs, "best/model.json");
      const model = makeModel(make());
      await loadWeights(model, "best", { fs });
      assert.deepEqual(await contentOf(model), await contentOf(saved));
    }
    const fs = memoryFileSystem();
    const header = JSON.stringify({
      a: { dtype: "F32", shape: [1], data_offsets: [0, 4] },
    }).padEnd(64);
    await fs.writeFile(
      "x.safetensors",
      new Uint8Array([64, ...Array(7).fill(0), ...new TextEncoder().encode(header), 0, 0, 128, 63]),
    );
    const { tensors } = await readSafetensors("x.safetensors", { fs });
    assert.deepEqual(tensors[0].values, Float32Array.of(1));
  });
});

describe("The state of an optimizer for other weights", () => {
  const broken: Record<string, (state: Record<string, never>) => unknown> = {
    "a slot of another shape": ({ slots }) => {
      const [, second] = Object.values(slots) as { value: { shape: number[] } }[][];
      second[0].value.shape = [9];
      return slots;
    },
    "slots of one kind only": ({ slots }) => {
      delete slots[Object.keys(slots)[1]];
    },
    "a kind with one slot missing": ({ slots }) => {
      (Object.values(slots)[1] as unknown[]).pop();
    },
    "kinds in another order": ({ slots }) => {
      (Object.values(slots)[1] as unknown[]).reverse();
    },
    "an average of another shape": ({ average }) => {
      (average as { shape: number[] }[])[0].shape = [9];
    },
  };
  for (const [what, breakIt] of Object.entries(broken)) {
    it(`The state of an optimizer for other weights is rejected without changes: ${what}`, async () => {
      const state = await getOptimizerState(await trained(optimizers.Adamax()));
      breakIt(state as never);
      const model = await trained(optimizers.Adamax());
      const untouched = await contentOf(model);
      assert.throws(() => setOptimizerState(model, state), RangeError);
      assert.deepEqual(await contentOf(model), untouched);
    });
  }
});
