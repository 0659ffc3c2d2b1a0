import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, it } from "node:test";
import {
  accumulateGradients,
  BackupAndRestore,
  type BackupAndRestoreOptions,
  Callback,
  CallbackList,
  clipGradients,
  CSVLogger,
  EarlyStopping,
  exponentialMovingAverage,
  fit,
  type FitOptions,
  getLearningRate,
  getOptimizerState,
  type History,
  InterruptedError,
  type Params,
  ReduceLROnPlateau,
  setRandomSeed,
  SwapEMAWeights,
  Timer,
  toTfjs,
} from "keepfit";
import { exists, type FileSystem, FileSystemError, memoryFileSystem } from "keepfit/runtime";
import { AdamW, HeavyBall } from "../tfjs/optimizer_fixtures.ts";
import { captured } from "./fixtures.ts";

const x = tf.linspace(-1, 1, 10).reshape([10, 1]);
const y = x.square();

function makeModel(optimizer: string | tf.Optimizer = "adam", units = 3): tf.Sequential {
  const kernelInitializer = tf.initializers.glorotUniform({ seed: 3 });
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units, inputShape: [1], activation: "tanh", kernelInitializer }),
      tf.layers.dense({ units: 1, kernelInitializer }),
    ],
  });
  model.compile({ optimizer, loss: "meanSquaredError" });
  return model;
}

/** Train with three batches per epoch. */
function train(
  model: tf.LayersModel,
  callbacks: FitOptions["callbacks"],
  options?: FitOptions,
): Promise<History> {
  return fit(model, x, y, { batchSize: 4, epochs: 5, seed: 7, verbose: 0, callbacks, ...options });
}

/** A callback that throws in a hook of an epoch, as after a disk failure or a bug. */
function crash(hook: "onEpochBegin" | "onEpochEnd" | "onTrainBatchEnd", at: number): object {
  let epoch = 0;
  return {
    onEpochBegin(index: number) {
      epoch = index;
      if (hook === "onEpochBegin" && epoch === at) throw new Error("crash");
    },
    ...(hook !== "onEpochBegin" && {
      [hook](index: number) {
        if (epoch === at && (hook === "onEpochEnd" || index === 1)) throw new Error("crash");
      },
    }),
  };
}

/** Counts batches over both runs, and the epochs of each. */
function counter() {
  const seen = { batches: 0, epochs: [] as number[] };
  const callback = {
    onEpochBegin: (epoch: number) => void seen.epochs.push(epoch),
    onTrainBatchEnd: () => void seen.batches++,
  };
  return { seen, callback };
}

async function resultOf(model: tf.LayersModel) {
  const weights = model.getWeights().map((weight) => Array.from(weight.dataSync()));
  const { slots, weights: own, variables: _, ...optimizer } = await getOptimizerState(model);
  // The numbers of unnamed layers continue in this process.
  const values = [...Object.values(slots), own ?? []].map((of) => of.map(({ value }) => value));
  return { weights, optimizer, values };
}

const backup = (fs: FileSystem, options: BackupAndRestoreOptions = {}) =>
  new BackupAndRestore("backup", { fs, ...options });

/** A file system that fails after n changes, as if its process was killed. */
function dyingFileSystem(fs: FileSystem, after: number): FileSystem {
  let changes = 0;
  const dying = <A extends unknown[], R>(change: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (++changes > after) throw new Error("killed");
      return await change(...args);
    };
  };
  return {
    ...fs,
    makeDir: dying(fs.makeDir),
    remove: dying(fs.remove),
    rename: dying(fs.rename),
    writeFile: dying(fs.writeFile),
  };
}

describe("BackupAndRestore", () => {
  it("BackupAndRestore resumes a run with dropout exactly after the same setRandomSeed", async () => {
    const run = async (callbacks: FitOptions["callbacks"]) => {
      setRandomSeed(tf, 1);
      const model = tf.sequential({
        layers: [
          tf.layers.dense({ units: 8, inputShape: [1], activation: "tanh" }),
          tf.layers.dropout({ rate: 0.5 }),
          tf.layers.dense({ units: 1 }),
        ],
      });
      model.compile({ optimizer: "adam", loss: "meanSquaredError" });
      // The order of the rows is also seeded.
      await train(model, callbacks, { seed: undefined });
      return resultOf(model);
    };
    const whole = await run([]);
    const fs = memoryFileSystem();
    await assert.rejects(run([backup(fs), crash("onTrainBatchEnd", 3)]), /crash/);
    assert.deepEqual(await run(backup(fs)), whole);
  });

  it("BackupAndRestore continues with the run's own seed if the script passes none", async () => {
    const fs = memoryFileSystem();
    let seed: number | undefined;
    const seen = { setParams: (params: Params) => void (seed = params.seed) };
    const unseeded = { seed: undefined };
    const failing = [seen, backup(fs), crash("onEpochBegin", 2)];
    await assert.rejects(train(makeModel(), failing, unseeded), /crash/);
    const first = seed;
    const resumed = makeModel();
    let begunWith: number | undefined;
    const callback = new class extends Callback {
      override onTrainBegin() {
        begunWith = this.params?.seed;
      }
    }();
    await train(resumed, [callback, backup(fs)], unseeded);
    assert.equal(begunWith, first);
    const whole = makeModel();
    await train(whole, [], { seed: first });
    assert.deepEqual(await resultOf(resumed), await resultOf(whole));
  });

  it("BackupAndRestore does not replace a seed that the script passes", async () => {
    const fs = memoryFileSystem();
    await assert.rejects(train(makeModel(), [backup(fs), crash("onEpochBegin", 2)]), /crash/);
    let seed: number | undefined;
    const callback = new class extends Callback {
      override onTrainBegin() {
        seed = this.params?.seed;
      }
    }();
    await train(makeModel(), [backup(fs), callback], { seed: 8 });
    assert.equal(seed, 8);
  });

  it("BackupAndRestore saves the progress of a custom loop that has one", async () => {
    const fs = memoryFileSystem();
    const run = async (position: number) => {
      const restored: unknown[] = [];
      const list = new CallbackList(backup(fs), { model: makeModel() });
      list.loop = {
        getState: () => ({ position }),
        setState: (state) => void restored.push(state),
      };
      await list.onTrainBegin();
      await list.onEpochBegin(0);
      await list.onEpochEnd(0, { loss: 1 });
      await list.close();
      assert.equal(list.loop, undefined);
      return restored;
    };
    assert.deepEqual(await run(3), []);
    assert.deepEqual(await run(4), [{ position: 3 }]);
  });

  const optimizers: Record<string, () => tf.Optimizer> = {
    SGD: () => tf.train.sgd(0.1),
    Momentum: () => tf.train.momentum(0.1, 0.9),
    Adagrad: () => tf.train.adagrad(0.1),
    Adadelta: () => tf.train.adadelta(0.1),
    Adam: () => tf.train.adam(0.1),
    Adamax: () => tf.train.adamax(0.1),
    RMSProp: () => tf.train.rmsprop(0.1, 0.9, 0.1, 1e-7, true),
    "a subclass of Adam": () => new AdamW(0.1, 0.9, 0.999),
    "a custom optimizer": () => new HeavyBall(),
    "Adam with averages": () => exponentialMovingAverage(tf.train.adam(0.1), { momentum: 0.9 }),
    "Adam with sums of gradients": () => accumulateGradients(tf.train.adam(0.1), 3),
    "Adam with clipped gradients": () => clipGradients(tf.train.adam(0.1), { clipNorm: 0.1 }),
  };
  for (const [name, make] of Object.entries(optimizers)) {
    it(`BackupAndRestore makes an interrupted run equal to an uninterrupted one, bit for bit: ${name}`, async () => {
      const others = () => [
        new ReduceLROnPlateau({ monitor: "loss", patience: 1, minDelta: 0.5, factor: 0.5 }),
        new EarlyStopping({ monitor: "loss", patience: 9, restoreBestWeights: true }),
        ...(name.includes("averages") ? [new SwapEMAWeights({ swapOnEpoch: true })] : []),
      ];
      const straight = makeModel(make());
      const whole = await train(straight, others());

      for (const saveFreq of ["epoch", 2] as const) {
        const fs = memoryFileSystem();
        const first = makeModel(make());
        const saving = () => backup(fs, { saveFreq, saveOnBackground: false });
        await assert.rejects(
          train(first, [...others(), saving(), crash("onTrainBatchEnd", 3)]),
          /crash/,
        );
        const second = makeModel(make());
        const { seen, callback } = counter();
        const resumed = await train(second, [...others(), saving(), callback]);

        assert.deepEqual(seen, { batches: saveFreq === "epoch" ? 6 : 5, epochs: [3, 4] });
        assert.deepEqual(resumed.history, whole.history);
        assert.deepEqual(resumed.epoch, whole.epoch);
        assert.deepEqual(await resultOf(second), await resultOf(straight));
        assert.ok(getLearningRate(second) < 0.1);
      }
    });
  }

  it("BackupAndRestore repeats an epoch if a later callback failed in its end hook", async () => {
    const fs = memoryFileSystem();
    const { seen, callback } = counter();
    await assert.rejects(train(makeModel(), [backup(fs), callback, crash("onEpochEnd", 1)]));
    assert.equal(seen.batches, 6);
    const history = await train(makeModel(), [backup(fs), callback]);
    assert.deepEqual(history.epoch, [0, 1, 2, 3, 4]);
    assert.equal(seen.batches, 6 + 12);
  });

  it("BackupAndRestore continues after the last saved batch of the first epoch", async () => {
    const fs = memoryFileSystem();
    const { seen, callback } = counter();
    const options = { saveFreq: 1, saveOnBackground: false };
    const first = makeModel();
    await assert.rejects(
      train(first, [backup(fs, options), callback, {
        onTrainBatchBegin(batch: number) {
          if (batch === 2) throw new Error("crash");
        },
      }]),
    );
    assert.equal(seen.batches, 2);
    const second = makeModel();
    let began: number[][] = [];
    const look = {
      onEpochBegin(epoch: number) {
        if (epoch > 0) return;
        began = second.getWeights().map((weight) => Array.from(weight.dataSync()));
      },
    };
    const history = await train(second, [backup(fs, options), callback, look]);
    assert.equal(history.epoch.at(-1), 4);
    assert.equal(seen.batches, 15);
    assert.deepEqual(began, (await resultOf(first)).weights);
  });

  it("BackupAndRestore continues at the same epoch when the first resumed epoch fails too", async () => {
    const fs = memoryFileSystem();
    const { seen, callback } = counter();
    const options = { saveFreq: 1 };
    await assert.rejects(train(makeModel(), [backup(fs, options), crash("onTrainBatchEnd", 2)]));
    await assert.rejects(train(makeModel(), [backup(fs, options), crash("onTrainBatchEnd", 2)]));
    await train(makeModel(), [backup(fs, options), callback]);
    assert.deepEqual(seen.epochs, [2, 3, 4]);
  });

  it("BackupAndRestore starts the next run from the beginning", async () => {
    const fs = memoryFileSystem();
    const model = makeModel();
    await assert.rejects(train(model, [backup(fs), crash("onEpochBegin", 3)]));
    const callback = backup(fs);
    await train(model, callback);
    assert.deepEqual((await train(model, null)).epoch, [0, 1, 2, 3, 4]);
    assert.deepEqual((await train(model, callback)).epoch, [0, 1, 2, 3, 4]);
  });

  it("BackupAndRestore takes precedence over initialEpoch, and passes the start to the callbacks", async () => {
    const fs = memoryFileSystem();
    await assert.rejects(train(makeModel(), [backup(fs), crash("onEpochBegin", 3)]));
    const callback = backup(fs);
    const { seen, callback: count } = counter();
    await train(makeModel(), [count, callback], { initialEpoch: 1 });
    assert.deepEqual(seen.epochs, [3, 4]);
    assert.equal(callback.params?.initialEpoch, 3);
  });

  it("BackupAndRestore removes its own files when training ends, and the directory if it is empty", async () => {
    const fs = memoryFileSystem();
    await train(makeModel(), backup(fs, { doubleCheckpoint: true }));
    assert.equal(await exists("backup", { fs }), false);
    await fs.makeDir("backup");
    await fs.writeFile("backup/notes.txt", "mine");
    await train(makeModel(), backup(fs));
    assert.deepEqual((await fs.readDir("backup")).map(({ name }) => name), ["notes.txt"]);
  });

  it("BackupAndRestore keeps a directory that cannot be removed, such as a mount point", async () => {
    for (const code of ["PermissionDenied", "Other"] as const) {
      const fs = memoryFileSystem();
      const refusing: FileSystem = {
        ...fs,
        remove: (path, options) =>
          String(path) === "backup"
            ? Promise.reject(new FileSystemError(code, "Cannot remove backup", { path: "backup" }))
            : fs.remove(path, options),
      };
      await train(makeModel(), backup(refusing));
      assert.deepEqual(await fs.readDir("backup"), []);
    }
  });

  it("BackupAndRestore trains nothing when a finished run with a kept backup is restarted", async () => {
    const fs = memoryFileSystem();
    const options = { deleteCheckpoint: false };
    const model = makeModel();
    const whole = await train(model, backup(fs, options));
    const { seen, callback } = counter();
    const again = makeModel();
    const { warned } = await captured(async () => {
      const history = await train(again, [backup(fs, options), callback]);
      assert.deepEqual(history.history, whole.history);
    });
    assert.deepEqual(seen.epochs, []);
    assert.match(
      warned.join(),
      /^keepfit: the backup in backup belongs to a run that ended after 5 epochs: nothing is left/,
    );
    assert.deepEqual((await resultOf(again)).weights, (await resultOf(model)).weights);
  });

  for (
    const [end, options] of [["an early stop", {}], ["its last epoch", { patience: 99 }]] as const
  ) {
    it(`BackupAndRestore completes only the remaining hooks of a run that failed after ${end}`, async () => {
      const fs = memoryFileSystem();
      const run = async (callbacks: object[]) => {
        const model = makeModel();
        const ended: object[] = [];
        const history = await train(model, [
          new EarlyStopping({
            monitor: "loss",
            mode: "max",
            patience: 1,
            restoreBestWeights: true,
            ...options,
          }),
          ...callbacks,
          { onTrainEnd: (logs: object) => void ended.push({ ...logs }) },
        ] as never);
        return { ...await resultOf(model), history: history.history, epoch: history.epoch, ended };
      };
      const whole = await run([]);
      const upload = {
        onTrainEnd() {
          throw new Error("no space");
        },
      };
      await assert.rejects(run([backup(fs), upload]), /no space/);
      assert.equal(await exists("backup/latest.safetensors", { fs }), true);
      const { seen, callback } = counter();
      const { warned } = await captured(async () => {
        assert.deepEqual(await run([backup(fs), callback]), whole);
      });
      assert.deepEqual(seen.epochs, []);
      assert.match(warned.join(), /nothing is left to train/);
      assert.equal(await exists("backup", { fs }), false);
    });
  }

  it("BackupAndRestore does not continue a run that a Timer has ended", async () => {
    const fs = memoryFileSystem();
    const options = { deleteCheckpoint: false };
    let time = 0;
    const callbacks = () => [
      new Timer({ seconds: 2, every: "epoch", verbose: 0, now: () => time++ * 1000 }),
      backup(fs, options),
    ];
    const { epoch } = await train(makeModel(), callbacks());
    const { seen, callback } = counter();
    await captured(() => train(makeModel(), [...callbacks(), callback]));
    assert.ok(epoch.length < 5);
    assert.deepEqual(seen.epochs, []);
  });

  it("BackupAndRestore saves after all other callbacks have received a batch, at any position", async () => {
    const fs = memoryFileSystem();
    let seen = 0;
    const count = (fails: boolean) => ({
      name: "count",
      onTrainBatchEnd: (batch: number) => {
        seen++;
        if (fails && batch === 2) throw new Error("crash");
      },
      getState: () => ({ seen }),
      setState: (state: { seen?: number }) => void (seen = Number(state.seen)),
    });
    const options = { saveFreq: 1 };
    await assert.rejects(train(makeModel(), [backup(fs, options), count(true)]), /crash/);
    seen = 0;
    // Two batches were saved.
    await train(makeModel(), [backup(fs, options), count(false)], { epochs: 1 });
    assert.equal(seen, 2 + 1);
  });

  it("BackupAndRestore uses the previous backup if the last one is damaged", async () => {
    const fs = memoryFileSystem();
    const options = { doubleCheckpoint: true };
    await assert.rejects(train(makeModel(), [backup(fs, options), crash("onEpochBegin", 3)]));
    await fs.writeFile("backup/latest.safetensors", "garbage");
    const { seen, callback } = counter();
    const { warned } = await captured(() => train(makeModel(), [backup(fs), callback]));
    assert.deepEqual(seen.epochs, [2, 3, 4]);
    assert.match(warned.join(), /latest\.safetensors.*the previous one is used/);
  });

  it("BackupAndRestore uses the previous backup if the process was killed before the last one was written", async () => {
    const fs = memoryFileSystem();
    const options = { doubleCheckpoint: true };
    await assert.rejects(train(makeModel(), [backup(fs, options), crash("onEpochBegin", 3)]));
    await fs.remove("backup/latest.safetensors");
    const { seen, callback } = counter();
    const { warned } = await captured(() => train(makeModel(), [backup(fs), callback]));
    assert.deepEqual(seen.epochs, [2, 3, 4]);
    assert.deepEqual(warned, []);
  });

  it("BackupAndRestore fails without changes if there are only damaged backups", async () => {
    const fs = memoryFileSystem();
    const options = { doubleCheckpoint: false };
    await assert.rejects(train(makeModel(), [backup(fs, options), crash("onEpochBegin", 3)]));
    const whole = await fs.readFile("backup/latest.safetensors");
    const damaged: Uint8Array[] = [
      new Uint8Array(),
      whole.slice(0, 40),
      whole.slice(0, whole.length - 1),
      whole.map((byte, i) => i === 20 ? 0 : byte),
      whole.map((byte, i) => i === whole.length - 3 ? byte ^ 1 : byte),
    ];
    for (const bytes of damaged) {
      await fs.writeFile("backup/latest.safetensors", bytes);
      await assert.rejects(
        train(makeModel(), backup(fs)),
        /Cannot resume the run: expected a backup in backup, got a damaged one.*remove it to train/,
      );
      assert.deepEqual(await fs.readFile("backup/latest.safetensors"), bytes);
    }
  });

  it("BackupAndRestore never accepts a backup in which any bit is flipped", async () => {
    const fs = memoryFileSystem();
    const straight = makeModel();
    const whole = await train(straight, null, { epochs: 3 });
    const options = { epochs: 3 };
    await assert.rejects(train(makeModel(), [backup(fs), crash("onEpochBegin", 2)], options));
    const [latest, previous] = await Promise.all(
      ["latest", "previous"].map((name) => fs.readFile(`backup/${name}.safetensors`)),
    );
    for (let at = 0; at < latest.length; at += 89) {
      const flipped = latest.map((byte, i) => i === at ? byte ^ (1 << (at % 8)) : byte);
      await fs.makeDir("backup");
      await fs.writeFile("backup/latest.safetensors", flipped);
      await fs.writeFile("backup/previous.safetensors", previous);
      const model = makeModel();
      const { warned } = await captured(async () => {
        assert.deepEqual((await train(model, backup(fs), options)).history, whole.history);
      });
      assert.deepEqual(await resultOf(model), await resultOf(straight));
      if (warned.length === 0) continue;
      assert.match(warned.join(), /the previous one is used, and damaged-latest/);
      assert.deepEqual(await fs.readFile("backup/damaged-latest.safetensors"), flipped);
      await fs.remove("backup", { recursive: true });
    }
  });

  for (const doubleCheckpoint of [false, true]) {
    const kind = doubleCheckpoint ? "two backups" : "one backup";
    it(`BackupAndRestore has the same result at whichever file operation the process dies, with ${kind}`, async () => {
      const straight = makeModel();
      const whole = await train(straight, null, { epochs: 3 });
      let died = 0;
      for (let changes = 0;; changes++) {
        const fs = memoryFileSystem();
        const run = (fs: FileSystem, model: tf.LayersModel) =>
          train(model, backup(fs, { doubleCheckpoint }), { epochs: 3 });
        const dead = await run(dyingFileSystem(fs, changes), makeModel()).catch(() => undefined);
        if (dead !== undefined) break;
        died++;
        const model = makeModel();
        let resumed: History | undefined;
        await captured(async () => resumed = await run(fs, model));
        assert.deepEqual(resumed?.history, whole.history);
        assert.deepEqual(await resultOf(model), await resultOf(straight));
        assert.equal(await exists("backup", { fs }), false);
      }
      // Creating the directory, three writes, up to two renames, and the final removals.
      assert.ok(died >= 7, `${died}`);
    });
  }

  it("BackupAndRestore changes nothing if the backup belongs to another model or optimizer", async () => {
    const fs = memoryFileSystem();
    await assert.rejects(train(makeModel(), [backup(fs), crash("onEpochBegin", 3)]));
    const model = makeModel("adam", 4);
    const before = await resultOf(model);
    await assert.rejects(
      train(model, backup(fs)),
      /backup in backup, remove it to train from scratch: Cannot restore 'dense_Dense1\/kernel'.*\[1,3\].*\[1,4\]/,
    );
    assert.deepEqual(await resultOf(model), before);
    const other = makeModel("sgd");
    const untouched = await resultOf(other);
    await assert.rejects(train(other, backup(fs)), /Cannot set the state of SGD.*Adam/);
    assert.deepEqual(await resultOf(other), untouched);
    assert.equal(await exists("backup/latest.safetensors", { fs }), true);
  });

  it("BackupAndRestore warns once about changed settings of the run", async () => {
    const fs = memoryFileSystem();
    const first = makeModel(tf.train.adam(0.1));
    await assert.rejects(train(first, [backup(fs), crash("onEpochBegin", 3)]));
    const { warned } = await captured(() =>
      train(makeModel(tf.train.adam(0.2)), backup(fs), { batchSize: 5, shuffle: false })
    );
    assert.equal(warned.length, 1);
    assert.match(
      warned[0],
      /batchSize was 4, is 5, steps was 3, is 2, shuffle was true, is false, optimizer.learningRate was 0.1/,
    );
  });

  it("BackupAndRestore cannot resume within an epoch with different batches", async () => {
    const fs = memoryFileSystem();
    const options = { saveFreq: 1 };
    await assert.rejects(train(makeModel(), [backup(fs, options), crash("onTrainBatchEnd", 2)]));
    await assert.rejects(
      train(makeModel(), backup(fs, options), { batchSize: 5 }),
      /Cannot resume the run within epoch 2: batchSize was 4, is 5, steps was 3, is 2; restore the setting, or remove/,
    );
    assert.equal((await train(makeModel(), backup(fs, options))).epoch.length, 5);
  });

  it("BackupAndRestore starts over if nothing was trained before the model was changed", async () => {
    const fs = memoryFileSystem();
    await assert.rejects(train(makeModel(), [backup(fs), crash("onEpochBegin", 0)]));
    assert.equal(await exists("backup/latest.safetensors", { fs }), true);
    assert.equal((await train(makeModel("sgd", 4), backup(fs))).epoch.length, 5);
  });

  it("BackupAndRestore ignores the state of a callback that is no longer used, and warns", async () => {
    const fs = memoryFileSystem();
    const stopping = new EarlyStopping({ monitor: "loss", patience: 9 });
    await assert.rejects(train(makeModel(), [stopping, backup(fs), crash("onEpochBegin", 3)]));
    const { seen, callback } = counter();
    const { warned } = await captured(() => train(makeModel(), [backup(fs), callback]));
    assert.deepEqual(seen.epochs, [3, 4]);
    assert.match(
      warned.join(),
      /the state of EarlyStopping \(monitor loss, mode min\) is ignored: this run does not use/,
    );
  });

  it("BackupAndRestore saves only when interrupted with saveFreq false", async () => {
    const fs = memoryFileSystem();
    const options = { saveFreq: false } as const;
    await assert.rejects(train(makeModel(), [backup(fs, options), crash("onEpochBegin", 3)]));
    assert.equal(await exists("backup/latest.safetensors", { fs }), false);

    const stop = new AbortController();
    const interrupt = {
      onEpochBegin(epoch: number) {
        if (epoch === 2) stop.abort(new InterruptedError("SIGINT"));
      },
    };
    await assert.rejects(
      train(makeModel(), [backup(fs, options), interrupt], { signal: stop.signal }),
      InterruptedError,
    );
    const { seen, callback } = counter();
    await train(makeModel(), [backup(fs, options), callback]);
    assert.deepEqual(seen.epochs, [2, 3, 4]);
  });

  it("BackupAndRestore continues a log file, on the runtime's file system and by URL", async () => {
    const directory = await mkdtemp(join(tmpdir(), "keepfit-"));
    try {
      const url = pathToFileURL(join(directory, "backup"));
      const logger = () => new CSVLogger(join(directory, "log.csv"), { append: true });
      await assert.rejects(
        train(makeModel(), [new BackupAndRestore(url), logger(), crash("onEpochBegin", 3)]),
      );
      assert.deepEqual((await readdir(url)).sort(), ["latest.safetensors", "previous.safetensors"]);
      const { seen, callback } = counter();
      await train(makeModel(), [new BackupAndRestore(url), logger(), callback]);
      assert.deepEqual(seen.epochs, [3, 4]);
      assert.deepEqual(await readdir(directory), ["log.csv"]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("BackupAndRestore works in a custom loop, which reads the start from the list", async () => {
    const fs = memoryFileSystem();
    const run = async (model: tf.LayersModel, last: number) => {
      const list = new CallbackList(backup(fs), { model, addHistory: true });
      await list.onTrainBegin();
      const first = list.initialEpoch ?? 0;
      for (let epoch = first; epoch < last; epoch++) {
        await list.onEpochBegin(epoch);
        await model.trainOnBatch(x, y);
        await list.onEpochEnd(epoch, { loss: epoch });
      }
      await list.close();
      return { first, losses: list.history?.history.loss };
    };
    assert.deepEqual(await run(makeModel(), 2), { first: 0, losses: [0, 1] });
    assert.deepEqual(await run(makeModel(), 3), { first: 2, losses: [0, 1, 2] });
  });

  it("BackupAndRestore names the required initialEpoch in model.fit of TensorFlow.js", async () => {
    const fs = memoryFileSystem();
    const options = { deleteCheckpoint: false };
    const model = makeModel();
    const use = (epochs: number, initialEpoch = 0) =>
      model.fit(x, y, {
        epochs,
        initialEpoch,
        verbose: 0,
        callbacks: toTfjs(backup(fs, options), model),
      });
    await use(2);
    await assert.rejects(use(3), /pass it initialEpoch: 2/);
    assert.deepEqual((await use(3, 2)).epoch, [2]);
  });

  it("BackupAndRestore trains no additional batch in model.fit of TensorFlow.js after a stop", async () => {
    const fs = memoryFileSystem();
    const model = makeModel();
    const use = (initialEpoch = 0) =>
      model.fit(x, y, {
        epochs: 9,
        initialEpoch,
        verbose: 0,
        callbacks: toTfjs([
          new EarlyStopping({ monitor: "loss", mode: "max", patience: 1 }),
          backup(fs, { deleteCheckpoint: false }),
        ], model),
      });
    assert.deepEqual((await use()).epoch, [0, 1]);
    const before = (await resultOf(model)).weights;
    await captured(() =>
      assert.rejects(use(2), /Cannot continue at epoch 2: the run was stopped there/)
    );
    assert.deepEqual((await resultOf(model)).weights, before);
  });

  it("BackupAndRestore leaks no tensor", async () => {
    const fs = memoryFileSystem();
    const model = makeModel();
    await train(model, null);
    const before = tf.memory().numTensors;
    await assert.rejects(train(model, [backup(fs, { saveFreq: 1 }), crash("onEpochEnd", 2)]));
    await train(model, backup(fs));
    assert.equal(tf.memory().numTensors, before);
  });

  it("BackupAndRestore keeps numbers that JSON cannot represent, and every type of array", async () => {
    const fs = memoryFileSystem();
    const state = {
      numbers: [NaN, Infinity, -Infinity, -0, 0.1, null],
      text: "$",
      $: { $: "array" },
      arrays: [
        Float32Array.of(0.1, NaN),
        Float64Array.of(0.1),
        Int32Array.of(-1),
        Uint8Array.of(255),
        BigInt64Array.of(-1n),
        new Uint16Array(0),
      ],
    };
    let restored: unknown;
    const keeper = () => ({
      name: "keeper",
      onTrainEnd() {},
      getState: () => state,
      setState: (back: unknown) => void (restored = back),
    });
    await assert.rejects(train(makeModel(), [keeper(), backup(fs), crash("onEpochBegin", 1)]));
    await train(makeModel(), [keeper(), backup(fs)]);
    assert.deepEqual(restored, state);
  });

  it("BackupAndRestore rejects invalid options", () => {
    assert.throws(() => new BackupAndRestore(""), /backupDir/);
    assert.throws(() => new BackupAndRestore(null as never), TypeError);
    for (const saveFreq of ["batch", 0.15, 0, -1, true]) {
      assert.throws(
        () => new BackupAndRestore("backup", { saveFreq: saveFreq as never }),
        /saveFreq must be "epoch", a whole number of batches above 0, or false/,
      );
    }
  });
});
