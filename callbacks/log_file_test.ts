import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BackupAndRestore, CSVLogger, fit, JSONLinesLogger } from "keepfit";
import { type FileSystem, memoryFileSystem } from "keepfit/runtime";
import { captured } from "./fixtures.ts";
import { LogFile } from "./log_file.ts";

type MakeLogger = (fs: FileSystem, file?: string) => object;

const loggers: Record<string, MakeLogger> = {
  CSVLogger: (fs, file = "log") => new CSVLogger(file, { fs }),
  "CSVLogger that appends": (fs, file = "log") => new CSVLogger(file, { fs, append: true }),
  "CSVLogger with allKeys": (fs, file = "log") => new CSVLogger(file, { fs, allKeys: true }),
  JSONLinesLogger: (fs, file = "log") => new JSONLinesLogger(file, { fs }),
  "JSONLinesLogger that appends": (fs, file = "log") =>
    new JSONLinesLogger(file, { fs, append: true }),
};

/**
 * Run three epochs, of which some have an additional key; `powerCut` ends the run before an epoch.
 */
function run(fs: FileSystem, logger: object, powerCut?: number) {
  const layer = tf.layers.dense({ units: 1, inputShape: [4], kernelInitializer: "ones" });
  const model = tf.sequential({ layers: [layer] });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  const other = {
    onEpochBegin(epoch: number) {
      if (epoch === powerCut) throw new Error("power cut");
    },
    onEpochEnd(epoch: number, logs: Record<string, number>) {
      if (epoch !== 1) logs.extra = epoch + 0.5;
    },
  };
  return fit(model, tf.ones([8, 4]), tf.ones([8, 1]), {
    epochs: 4,
    seed: 1,
    verbose: 0,
    callbacks: [other, logger, new BackupAndRestore("backup", { fs })] as never,
  });
}

const text = (fs: FileSystem, file = "log") => fs.readTextFile(file);

for (const [name, make] of Object.entries(loggers)) {
  describe(`${name} in a resumed run`, () => {
    it(`${name} in a resumed run restores lost lines wherever the file was truncated`, async () => {
      const whole = memoryFileSystem();
      await run(whole, make(whole));
      const expected = await text(whole);

      const cut = memoryFileSystem();
      await assert.rejects(run(cut, make(cut), 3), /power cut/);
      const [log, backup] = [
        await cut.readFile("log"),
        await cut.readFile("backup/latest.safetensors"),
      ];
      const second = log.indexOf(10) + 1;
      const lengths = [0, 3, second - 1, second, second + 2, log.length - 12, log.length - 1];
      for (const length of [...lengths, log.length]) {
        const fs = memoryFileSystem();
        await fs.makeDir("backup");
        await fs.writeFile("backup/latest.safetensors", backup);
        await fs.writeFile("log", log.subarray(0, length));
        const { warned } = await captured(() => run(fs, make(fs)));
        assert.equal(await text(fs), expected, `cut to ${length} bytes`);
        assert.equal(warned.length, length === log.length ? 0 : 1);
        if (warned.length > 0) assert.match(warned[0], /has lost lines .*, missing: 0/);
      }
    });

    it(`${name} in a resumed run restores a file that was removed`, async () => {
      const whole = memoryFileSystem();
      await run(whole, make(whole));
      const fs = memoryFileSystem();
      await assert.rejects(run(fs, make(fs), 2), /power cut/);
      await fs.remove("log");
      await captured(() => run(fs, make(fs)));
      assert.equal(await text(fs), await text(whole));
    });

    it(`${name} in a resumed run removes what a process left that was killed while it replaced the file`, async () => {
      const fs = memoryFileSystem();
      await fs.writeFile(`.keepfit-${2 ** 22 + 1}-${crypto.randomUUID()}.tmp`, "half");
      await run(fs, make(fs));
      assert.deepEqual((await fs.readDir(".")).map(({ name }) => name), ["log"]);
    });

    it(`${name} in a resumed run reports a changed line and truncates what follows`, async () => {
      const whole = memoryFileSystem();
      await run(whole, make(whole));
      const fs = memoryFileSystem();
      await assert.rejects(run(fs, make(fs), 3), /power cut/);
      const lines = (await text(fs)).split(/(?<=\n)/);
      const at = lines.length - 2;
      lines[at] = lines[at].replace(/\.\d+/, ".25");
      await fs.writeFile("log", `${lines.join("")}later\n`);
      const { warned } = await captured(() => run(fs, make(fs)));
      assert.match(
        warned.join(),
        /^keepfit: log was changed after the resumed run wrote it; [^,]*$/,
      );
      const expected = (await text(whole)).split(/(?<=\n)/).with(at, lines[at]);
      assert.equal(await text(fs), expected.join(""));
    });

    it(`${name} in a resumed run never truncates a different file of that name`, async () => {
      const fs = memoryFileSystem();
      await assert.rejects(run(fs, make(fs), 2), /power cut/);
      // Of the same format, and longer than the written part.
      const foreign = memoryFileSystem();
      await run(foreign, make(foreign));
      const other = (await text(foreign)).replaceAll(/[0-9]\.[0-9]+/g, "7.25");
      await fs.writeFile("log", other);
      const { warned } = await captured(() => run(fs, make(fs)));
      assert.ok((await text(fs)).startsWith(other), await text(fs));
      assert.match(warned.join(), /log is not the file that the resumed run wrote/);
    });

    it(`${name} in a resumed run keeps the rows of an existing file to which it now appends`, async () => {
      const fs = memoryFileSystem();
      await assert.rejects(run(fs, make(fs), 2), /power cut/);
      const first = await text(fs);
      const other = memoryFileSystem();
      await run(other, make(other));
      const existing = await text(other);
      await fs.writeFile("other", existing);
      const { warned } = await captured(() => run(fs, make(fs, "other")));
      assert.equal(await text(fs), first);
      if (name.includes("appends")) assert.ok((await text(fs, "other")).startsWith(existing));
      assert.match(
        warned.join(),
        /Logger \(log\) is ignored.*Logger \(other\) starts from scratch/,
      );
    });

    it(`${name} in a resumed run discards the restored state when the run fails before it begins`, async () => {
      const fs = memoryFileSystem();
      const logger = make(fs) as { onTrainBegin?: unknown };
      await assert.rejects(run(fs, make(fs), 2), /power cut/);
      const bad = {
        onTrainBegin() {
          throw new Error("no server");
        },
      };
      await assert.rejects(
        run(fs, [logger, bad]),
        /no server/,
      );
      const before = name.includes("appends") ? await text(fs) : "";
      await fs.remove("backup", { recursive: true });
      await run(fs, logger);
      const rows = (await text(fs)).slice(before.length);
      const whole = memoryFileSystem();
      await run(whole, make(whole));
      const expected = await text(whole);
      const isCsv = name.startsWith("CSV") && before !== "";
      assert.equal(rows, isCsv ? expected.slice(expected.indexOf("\n") + 1) : expected);
    });
  });
}

describe("JSONLinesLogger with lines of batches", () => {
  it("JSONLinesLogger with lines of batches reports how many lines are permanently lost", async () => {
    const fs = memoryFileSystem();
    const make = () => new JSONLinesLogger("log", { fs, updateFreq: "batch" });
    await assert.rejects(run(fs, make(), 2), /power cut/);
    const log = await text(fs);
    await fs.writeFile("log", log.slice(0, log.lastIndexOf("\n", log.length - 2) + 5));
    const { warned } = await captured(() => run(fs, make()));
    assert.match(warned.join(), /has lost lines .*; restored: 0, missing: 1/);
    for (const line of (await text(fs)).trimEnd().split("\n")) JSON.parse(line);
  });
});

describe("A LogFile", () => {
  it("A LogFile is closed after a flush that has begun", async () => {
    const memory = memoryFileSystem();
    const calls: string[] = [];
    let finish!: () => void;
    const flushed = new Promise<void>((resolve) => finish = resolve);
    const fs: FileSystem = {
      ...memory,
      async open(path, mode) {
        const file = await memory.open(path, mode);
        return {
          ...file,
          write: (bytes) => file.write(bytes),
          async sync() {
            await flushed;
            calls.push("synced");
          },
          async close() {
            calls.push("closed");
            await file.close();
          },
        };
      },
    };
    const log = new LogFile("log", { fs, rebuild: () => [] });
    await log.open();
    await log.write("line\n");
    const flush = log.sync();
    const close = log.close();
    finish();
    await Promise.all([flush, close]);
    assert.deepEqual(calls, ["synced", "closed"]);
  });
});

describe("Two logs in one file", () => {
  const warnings = async (callbacks: object[]) => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [4] })] });
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    const { warned } = await captured(() =>
      fit(model, tf.ones([8, 4]), tf.ones([8, 1]), { verbose: 0, callbacks: callbacks as never })
    );
    return warned.join();
  };

  it("Two logs in one file are reported once, and one log in two runs is not", async () => {
    const fs = memoryFileSystem();
    const logger = new CSVLogger("runs/log", { fs });
    const others = [new JSONLinesLogger("./runs/a/../log", { fs }), new CSVLogger("log", { fs })];
    const expected = /^keepfit: another callback also writes to \.\/runs\/a\/\.\.\/log[^,]*, or/;
    assert.match(await warnings([logger, ...others]), expected);
    for (const one of [logger, others[0]]) assert.equal(await warnings([one]), "");
  });
});
