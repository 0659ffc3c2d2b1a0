import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BackupAndRestore, fit } from "keepfit";
import type { CallbackLike } from "../core/callback.ts";
import { memoryFileSystem } from "../runtime/mod.ts";
import { validationData, World, x, y } from "../tests/tensorboard_fixtures.ts";
import { readEvents } from "../tensorboard/mod.ts";
import { TensorBoard } from "./tensorboard.ts";

describe("TensorBoard's steps", () => {
  it("TensorBoard's steps are epochs from 0, batches from 1 and the optimizer's updates", async () => {
    const world = new World({ updateFreq: "batch" });
    await world.fit({ validationData });
    assert.deepEqual(await world.steps("train", "epoch_loss"), [0, 1]);
    assert.deepEqual(await world.steps("train", "batch_loss"), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.deepEqual(await world.steps("validation", "epoch_loss"), [0, 1]);
    assert.deepEqual(await world.steps("validation", "evaluation_loss_vs_iterations"), [5, 10]);
  });

  it("TensorBoard's steps restart in a second fit, except for updates", async () => {
    const world = new World({ updateFreq: 5 });
    await world.fit({ validationData });
    await world.fit({ validationData });
    assert.deepEqual(await world.steps("train", "batch_loss"), [5, 10, 5, 10]);
    assert.deepEqual(await world.steps("train", "epoch_loss"), [0, 1, 0, 1]);
    const evaluations = await world.steps("validation", "evaluation_loss_vs_iterations");
    assert.deepEqual(evaluations, [5, 10, 15, 20]);
  });

  it("TensorBoard's steps continue when a fit continues at a later epoch", async () => {
    const world = new World({ updateFreq: 5 });
    await world.fit();
    await world.fit({ initialEpoch: 2, epochs: 4 });
    assert.deepEqual(await world.steps("train", "batch_loss"), [5, 10, 15, 20]);
    assert.deepEqual(await world.steps("train", "epoch_loss"), [0, 1, 2, 3]);
  });

  it("TensorBoard's steps continue by the length of an epoch if the optimizer is new", async () => {
    const world = new World({ updateFreq: 5 });
    await world.fit({ initialEpoch: 2, epochs: 3 });
    assert.deepEqual(await world.steps("train", "batch_loss"), [15]);
  });

  it("TensorBoard's steps are marked as replaced from the step at which an interrupted run continues", async () => {
    const sessions = async (world: World, run: string) =>
      (await world.events(run)).flatMap(({ session, step }) => session === 1 ? [step] : []);
    const batches = new World({ updateFreq: 1 });
    await batches.fit({ validationData });
    assert.deepEqual(await sessions(batches, "train"), []);
    await batches.fit({ initialEpoch: 2, epochs: 3, validationData });
    assert.deepEqual(await sessions(batches, "train"), [11]);
    assert.deepEqual(await sessions(batches, "validation"), [11]);
    const epochs = new World({});
    await epochs.fit({ initialEpoch: 2, epochs: 3 });
    assert.deepEqual(await sessions(epochs, "train"), [2]);
  });

  it("TensorBoard's steps of earlier evaluations are not replaced if the optimizer counts from 0 again", async () => {
    const first = new World();
    await first.fit({ validationData });
    const state = structuredClone(await first.callback.getState());
    const second = new World({ fs: first.fs });
    second.callback.setState(state);
    await second.fit({ validationData, initialEpoch: 2, epochs: 3 });
    const sessions = (await first.events("validation")).filter(({ session }) => session === 1);
    assert.deepEqual(sessions.map(({ step }) => step), [11]);
  });

  it("TensorBoard's steps continue from a state once", async () => {
    const first = new World({ updateFreq: 1 });
    await first.fit({ epochs: 1 });
    const state = structuredClone(await first.callback.getState());
    const second = new World({ updateFreq: 1 });
    second.callback.setState(state);
    await second.fit({ epochs: 1 });
    assert.deepEqual(await second.steps("train", "batch_loss"), [6, 7, 8, 9, 10]);
    await second.fit({ epochs: 1 });
    assert.equal((await second.steps("train", "batch_loss")).at(-1), 5);
  });
});

describe("TensorBoard's steps in an interrupted run", () => {
  it("TensorBoard's steps in an interrupted run are in the files once, with one graph and one row of hyperparameters", async () => {
    const options = { updateFreq: 1, hparams: { units: 3 } };
    const fs = memoryFileSystem();
    const start = (...others: CallbackLike[]) => {
      const world = new World({ ...options, fs });
      const backup = new BackupAndRestore("backup", { fs, saveFreq: 2 });
      return fit(world.model, x, y, {
        epochs: 3,
        batchSize: 2,
        seed: 1,
        verbose: 0,
        validationData,
        callbacks: [backup, world.callback, ...others],
      });
    };
    const tagsAndSteps = async (folder: string) => {
      const files = (await fs.readDir(folder)).filter(({ isFile }) => isFile);
      const events = await Promise.all(
        files.map(async ({ name }) => readEvents(await fs.readFile(`${folder}/${name}`))),
      );
      return events.flat().flatMap(({ step, summaries, graph }) => [
        ...summaries.map(({ tag }) => `${tag} ${step}`),
        ...graph === undefined ? [] : ["graph"],
      ]);
    };
    await start();
    const whole = await Promise.all(["logs", "logs/train", "logs/validation"].map(tagsAndSteps));
    await fs.remove("logs", { recursive: true });
    for (const after of [1, 3, 5, 2, 3]) {
      let batches = 0;
      const cut = start({
        async onTrainBatchEnd() {
          if (++batches === after) throw new Error("power cut");
        },
      });
      await assert.rejects(cut, /power cut/);
    }
    await start();
    const folders = ["logs", "logs/train", "logs/validation"];
    assert.deepEqual(await Promise.all(folders.map(tagsAndSteps)), whole);
  });

  for (const order of ["before", "after"]) {
    it(`TensorBoard's steps continue within an epoch, with the backup ${order} it in the list`, async () => {
      const fs = memoryFileSystem();
      const start = (world: World, others?: CallbackLike) => {
        const backup = new BackupAndRestore("backup", { fs, saveFreq: 2 });
        const callbacks = order === "before" ? [backup, world.callback] : [world.callback, backup];
        return fit(world.model, x, y, {
          epochs: 2,
          batchSize: 2,
          seed: 1,
          verbose: 0,
          callbacks: [...callbacks, others],
        });
      };
      const first = new World({ updateFreq: 1 });
      let trained = 0;
      const failing: CallbackLike = {
        onTrainBatchEnd() {
          if (++trained === 9) throw new Error("enough");
        },
      };
      await assert.rejects(start(first, failing), /enough/);
      // Another process has nothing but the backup.
      const second = new World({ updateFreq: 1 });
      await start(second);
      const batches = (world: World) => world.steps("train", "batch_loss");
      assert.deepEqual(await batches(first), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
      // It is for the backup to say how much of the epoch is trained again.
      const goneOn = await batches(second);
      assert.ok(goneOn[0] >= 1 && goneOn[0] <= 9, `${goneOn}`);
      assert.deepEqual(goneOn, Array.from({ length: 11 - goneOn[0] }, (_, i) => goneOn[0] + i));
      assert.equal((await second.steps("train", "epoch_loss")).at(-1), 1);
    });
  }
});

describe("TensorBoard's updateFreq", () => {
  for (const [updateFreq, batches] of [[2, [2, 4, 6, 8, 10]], [3, [3, 6, 9]], [100, []]] as const) {
    it(`TensorBoard with updateFreq ${updateFreq} writes fewer batches, but every epoch and evaluation`, async () => {
      const world = new World({ updateFreq });
      await world.fit({ validationData });
      assert.deepEqual(await world.steps("train", "batch_loss"), batches);
      assert.deepEqual(await world.steps("train", "epoch_loss"), [0, 1]);
      assert.deepEqual(await world.steps("validation", "epoch_loss"), [0, 1]);
      assert.deepEqual(await world.steps("validation", "evaluation_loss_vs_iterations"), [5, 10]);
    });
  }

  it("TensorBoard with updateFreq 'epoch' has no batch hooks", () => {
    const { onTrainBatchBegin, onTrainBatchEnd } = new TensorBoard({ writeStepsPerSecond: true });
    assert.deepEqual([onTrainBatchBegin, onTrainBatchEnd], [undefined, undefined]);
  });

  it("TensorBoard reads only the logs of batches that it writes", async () => {
    const world = new World({ updateFreq: 4 });
    const read: number[] = [];
    const quiet: CallbackLike = {
      readsBatchLogs: () => false,
      onTrainBatchEnd: (batch, logs) => void (Object.keys(logs).length > 0 && read.push(batch)),
    };
    await world.fit({ callbacks: [quiet], epochs: 1 });
    assert.deepEqual(read, [3]);
  });

  it("TensorBoard writes the values in the logs", async () => {
    const world = new World({ updateFreq: 1 });
    const batches: number[] = [];
    const epochs: number[] = [];
    const validated: number[] = [];
    await world.fit({
      validationData,
      callbacks: {
        onTrainBatchEnd: (_batch, { loss }) => void batches.push(Math.fround(loss)),
        onEpochEnd: (_epoch, { loss, val_loss }) => {
          epochs.push(Math.fround(loss));
          validated.push(Math.fround(val_loss));
        },
      },
    });
    const values = async (run: string, tag: string) =>
      (await world.scalars(run, tag)).map(([, value]) => value);
    assert.deepEqual(await values("train", "batch_loss"), batches);
    assert.deepEqual(await values("train", "epoch_loss"), epochs);
    assert.deepEqual(await values("validation", "epoch_loss"), validated);
    assert.deepEqual(await values("validation", "evaluation_loss_vs_iterations"), validated);
  });
});
