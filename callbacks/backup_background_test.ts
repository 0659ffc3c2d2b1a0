import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  BackupAndRestore,
  type BackupAndRestoreOptions,
  type CallbackLike,
  CallbackList,
  type CallbackState,
  CSVLogger,
  fit,
  type FitOptions,
  JSONLinesLogger,
  TensorBoard,
} from "keepfit";
import { exists, type FileSystem, memoryFileSystem } from "keepfit/runtime";
import { withClock } from "../tests/clock.ts";

const x = tf.linspace(-1, 1, 10).reshape([10, 1]);
const y = x.square();

function makeModel(): tf.Sequential {
  const kernelInitializer = tf.initializers.glorotUniform({ seed: 3 });
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer })],
  });
  model.compile({ optimizer: "adam", loss: "meanSquaredError" });
  return model;
}

/** Train three epochs with five batches each. */
function train(
  fs: FileSystem,
  options: BackupAndRestoreOptions,
  others: CallbackLike[] = [],
  more: FitOptions = {},
) {
  return fit(makeModel(), x, y, {
    batchSize: 2,
    epochs: 3,
    seed: 7,
    verbose: 0,
    yieldEvery: "batch",
    callbacks: [new BackupAndRestore("backup", { fs, ...options }), ...others],
    ...more,
  });
}

/** A callback that counts batches and runs functions after some of them. */
function batches(doing: { [batch: number]: () => void } = {}) {
  const seen = { count: 0 };
  const onTrainBatchEnd = () => doing[++seen.count]?.();
  return { seen, callback: { onTrainBatchEnd } };
}

const crash = () => {
  throw new Error("crash");
};

/** A file system that records writes, and can delay or fail them. */
function slowFileSystem() {
  const memory = memoryFileSystem();
  const events: string[] = [];
  const seen = { atOnce: 0, most: 0, before: undefined as (() => Promise<void>) | undefined };
  const fs: FileSystem = {
    ...memory,
    async writeFile(path, data) {
      if (!String(path).endsWith(".safetensors")) return await memory.writeFile(path, data);
      seen.most = Math.max(seen.most, ++seen.atOnce);
      try {
        await seen.before?.();
        await memory.writeFile(path, data);
        events.push("written");
      } finally {
        seen.atOnce--;
      }
    },
  };
  return { fs, memory, events, seen };
}

/** A promise with a function that resolves it. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => open = resolve);
  return { opened, open };
}

describe("BackupAndRestore in the background", () => {
  it("BackupAndRestore in the background lets training continue while it writes one backup at a time, followed by the newest", async () => {
    const { fs, memory, seen } = slowFileSystem();
    const { opened, open } = gate();
    const { callback } = batches({
      1: () => seen.before = () => opened,
      9: () => {
        seen.before = undefined;
        open();
      },
      14: crash,
    });
    await assert.rejects(train(fs, { saveFreq: 1 }, [callback]), /crash/);
    assert.equal(seen.most, 1);
    const { seen: later, callback: counter } = batches();
    await train(memory, { saveFreq: 1 }, [counter]);
    // After batch 9 the writer was free and saved the next ones, not those that were due before.
    assert.ok(later.count >= 15 - 13 && later.count <= 15 - 9, `${later.count}`);
  });

  it("BackupAndRestore in the background has the same result as without a kill, from the last complete backup", async () => {
    const whole = await train(memoryFileSystem(), {});
    const { fs, memory, seen } = slowFileSystem();
    const { callback } = batches({ 2: () => seen.before = () => new Promise(() => {}), 8: crash });
    // The second write never ends, as if the process was killed during it.
    const killed = train(fs, { saveFreq: 1, onError: "warn" }, [callback]);
    killed.catch(() => {});
    while (seen.atOnce === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const disk = memoryFileSystem();
    await disk.makeDir("backup");
    const latest = "backup/latest.safetensors";
    await disk.writeFile(latest, await memory.readFile(latest));
    const resumed = await train(disk, {});
    assert.deepEqual(resumed.history, whole.history);
  });

  it("BackupAndRestore in the background saves the states of callbacks from the moment of the backup", async () => {
    const { fs, memory, seen } = slowFileSystem();
    const { opened, open } = gate();
    const restored: CallbackState[] = [];
    const makeLive = () => {
      const values = new Float32Array(2);
      const list = [0, 0];
      return {
        name: "live",
        onTrainBatchEnd: () => [values, list].forEach((of) => [of[0]++, of[1]++]),
        getState: () => ({ values, list }),
        setState: (state: CallbackState) => void restored.push(state),
      } as CallbackLike;
    };
    const { callback } = batches({ 4: () => seen.before = () => opened, 11: open, 12: crash });
    await assert.rejects(train(fs, { saveFreq: 5 }, [makeLive(), callback]), /crash/);
    await train(memory, {}, [makeLive()]);
    assert.equal(restored.length, 1);
    const { values, list } = restored[0] as { values: Float32Array; list: number[] };
    assert.deepEqual([[...values], list], [[5, 5], [5, 5]]);
  });

  it("BackupAndRestore in the background writes a backup when the logs that it refers to are on the disk, and training continues meanwhile", async () => {
    const { fs, memory, events } = slowFileSystem();
    const { opened, open } = gate();
    let waits = false;
    fs.open = async (path, mode) => {
      const file = await memory.open(path, mode);
      return {
        write: (data) => file.write(data),
        async sync() {
          if (waits) await opened;
          await file.sync();
          events.push("synced");
        },
        close: () => file.close(),
      };
    };
    const { callback } = batches({
      3: () => {
        waits = true;
        events.push("waits");
      },
      // Training would hang at an earlier one if it waited.
      9: open,
    });
    const loggers = [
      new CSVLogger("log.csv", { fs }),
      new JSONLinesLogger("log.jsonl", { fs, updateFreq: "batch" }),
      new TensorBoard({ fs, updateFreq: "batch" }),
    ];
    await train(fs, { saveFreq: 1 }, [...loggers, callback]);
    const later = events.slice(events.indexOf("waits") + 1);
    assert.equal(
      later.indexOf("written"),
      later.lastIndexOf("synced", later.indexOf("written")) + 1,
    );
  });

  it("BackupAndRestore in the background reports logs that cannot be brought to the disk", async () => {
    const { fs, memory } = slowFileSystem();
    let fails = false;
    fs.open = async (path, mode) => {
      const file = await memory.open(path, mode);
      return {
        write: (data) => file.write(data),
        sync: () => fails ? Promise.reject(new Error("disk gone")) : file.sync(),
        close: () => file.close(),
      };
    };
    const { callback } = batches({ 6: () => fails = true });
    const failed = train(fs, { saveFreq: 1 }, [new CSVLogger("log.csv", { fs }), callback]);
    await assert.rejects(failed, /CSVLogger \(log\.csv\) failed in syncState: disk gone/);
  });

  it("BackupAndRestore in the background is awaited at the end of training, and by a failing run", async () => {
    for (const end of [undefined, crash]) {
      const { fs, events, seen } = slowFileSystem();
      const { callback } = batches(end && { 15: end });
      seen.before = () => new Promise((resolve) => setTimeout(resolve, 20));
      await train(fs, { saveFreq: 2 }, [callback]).catch(() => events.push("failed"));
      assert.equal(seen.atOnce, 0);
      assert.equal(events.at(-1), end === undefined ? "written" : "failed");
      assert.equal(await exists("backup", { fs }), end !== undefined);
    }
  });

  it("BackupAndRestore in the background reports a failed write at the next one, and at the end", async () => {
    for (const batch of [3, 15]) {
      const { fs, seen } = slowFileSystem();
      const { callback } = batches({
        [batch]: () => seen.before = () => Promise.reject(new Error("disk full")),
      });
      await assert.rejects(train(fs, { saveFreq: 1 }, [callback]), /BackupAndRestore .*disk full/);
    }
  });

  it("BackupAndRestore in the background does not continue before the first backup is complete", async () => {
    const { fs, events, seen } = slowFileSystem();
    seen.before = () => new Promise((resolve) => setTimeout(resolve, 20));
    const begun = { onEpochBegin: () => void events.push("epoch") };
    await train(fs, { saveFreq: 100 }, [begun]);
    assert.deepEqual(events.slice(0, 2), ["written", "epoch"]);
  });

  it("BackupAndRestore in the background waits with saveOnBackground false, or if the loop never yields to the event loop", async () => {
    const variants: [BackupAndRestoreOptions, FitOptions, boolean][] = [
      [{}, {}, false],
      [{ saveOnBackground: false }, {}, true],
      [{}, { yieldEvery: "epoch" }, true],
      [{}, { yieldEvery: "never" }, true],
      [{}, { yieldEvery: 60_000 }, true],
      [{ saveOnBackground: true }, { yieldEvery: "never" }, false],
    ];
    for (const [options, more, waits] of variants) {
      const { fs, events, seen } = slowFileSystem();
      const { opened, open } = gate();
      const looks = {
        onEpochBegin: (epoch: number) => {
          if (epoch === 1) events.push("epoch");
          seen.before = waits ? undefined : () => opened;
        },
        onTrainBatchEnd: () => events.at(-1) === "epoch" && open(),
      } as CallbackLike;
      await train(fs, options, [looks], more);
      const inOrder = events.slice(0, 3).join();
      assert.equal(inOrder, waits ? "written,written,epoch" : "written,epoch,written");
    }
  });

  it("BackupAndRestore in the background waits in a custom loop, which may end the process", async () => {
    const { fs, events, seen } = slowFileSystem();
    const list = new CallbackList([new BackupAndRestore("backup", { fs })], { model: makeModel() });
    await list.onTrainBegin();
    seen.before = () => new Promise((resolve) => setTimeout(resolve, 10));
    await list.onEpochBegin(0);
    await list.onEpochEnd(0, { loss: 1 });
    assert.deepEqual(events, ["written", "written"]);
    await list.close();
  });
});

describe("BackupAndRestore with saveEvery", () => {
  it("BackupAndRestore with saveEvery saves after the batch in which the interval ends", async () => {
    await withClock(async (pass) => {
      const { fs, events } = slowFileSystem();
      const computing = { onTrainBatchBegin: () => pass(10_000) };
      const { callback } = batches({ 9: crash });
      const options = { saveEvery: { seconds: 25 }, saveOnBackground: false };
      await assert.rejects(train(fs, options, [computing, callback]), /crash/);
      // Before the first batch, and after batches 3 and 6.
      assert.equal(events.length, 3);
      const { seen, callback: counter } = batches();
      const resumed = await train(fs, options, [computing, counter]);
      assert.equal(seen.count, 15 - 6);
      const whole = await train(memoryFileSystem(), {});
      assert.deepEqual(resumed.history, whole.history);
    });
  });

  it("BackupAndRestore with saveEvery accepts minutes, and rejects an additional saveFreq", () => {
    new BackupAndRestore("backup", { saveEvery: { minutes: 1 } });
    for (const saveFreq of ["epoch", 5, false] as const) {
      assert.throws(
        () => new BackupAndRestore("backup", { saveEvery: { seconds: 1 }, saveFreq }),
        /Cannot create BackupAndRestore with saveEvery and saveFreq .*: set only one of them/,
      );
    }
    assert.throws(
      () => new BackupAndRestore("backup", { saveEvery: { seconds: 0 } }),
      /\{ seconds \} or \{ minutes \} above 0/,
    );
  });
});
