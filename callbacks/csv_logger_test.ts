import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, it } from "node:test";
import { CallbackList } from "../core/callback_list.ts";
import { FileSystemError, memoryFileSystem } from "../runtime/mod.ts";
import { CSVLogger, type CSVLoggerOptions } from "./csv_logger.ts";
import { withClock } from "../tests/clock.ts";
import { captured, drive, failingOnce } from "./fixtures.ts";

/** The file after one run for each list of epoch logs; line ends shown as `|`. */
async function written(runs: object[][], options: CSVLoggerOptions = {}) {
  const fs = memoryFileSystem();
  const logger = new CSVLogger("log.csv", { fs, ...options });
  for (const epochs of runs) await captured(() => drive(logger, epochs));
  return (await fs.readTextFile("log.csv")).replaceAll("\r\n", "|");
}

describe("CSVLogger", () => {
  it("CSVLogger writes the same bytes as Keras", async () => {
    const rows = [{ loss: 0.1, acc: 1 }, { loss: NaN, acc: 1e-5, extra: 3 }, { loss: -Infinity }];
    assert.equal(
      await written([rows]),
      "epoch,acc,loss,val_acc,val_loss|0,1.0,0.1,NA,NA|1,1e-05,nan,NA,NA|2,NA,-inf,NA,NA|",
    );
    assert.equal(await written([[{}, { b: 2 }]]), "epoch|0|1|");
    assert.equal(await written([[{ b: 1.5 }]], { separator: ";" }), "epoch;b;val_b|0;1.5;NA|");
    assert.equal(
      await written([[{ v: [1, 2.5], y: "a,b", z: 'q"q', val_q: null, x: true }]]),
      'epoch,v,val_q,x,y,z|0,"""[1.0, 2.5]""",,1.0,"a,b","q""q"|',
    );
    assert.equal(
      await written([[{ v: [[1, NaN], [2.5]], val_w: [true, null, "a"] }]]),
      'epoch,v,val_w|0,"""[[1.0, nan], [2.5]]""","""[True, None, a]"""|',
    );
    assert.equal(
      await written([[{ v: [{ a: 1, b: [null] }] }]]),
      `epoch,v,val_v|0,"""[{'a': 1.0, 'b': [None]}]""",NA|`,
    );
  });

  it("CSVLogger sorts the columns by code point, including those that other callbacks add", async () => {
    const fs = memoryFileSystem();
    const rate = { onEpochEnd: (_: number, logs: object) => Object.assign(logs, { a_rate: 0.5 }) };
    await drive([rate, new CSVLogger("log.csv", { fs })], [{ Z: 1, val_Z: 2, loss: 3 }]);
    assert.match(
      await fs.readTextFile("log.csv"),
      /^epoch,Z,a_rate,loss,val_Z\r\n0,1.0,0.5,3.0,2.0\r\n$/,
    );
  });

  it("CSVLogger names an existing file that is not CSV", async () => {
    const fs = memoryFileSystem();
    await fs.writeFile("log.csv", new TextEncoder().encode('"epoch,loss\r\n0,1.0\r\n'));
    await assert.rejects(
      drive(new CSVLogger("log.csv", { fs, append: true }), [{ loss: 1 }]),
      /Cannot read log\.csv as CSV: .*quote/s,
    );
  });

  it("CSVLogger reserves columns for later validation, unless reserveValColumns is false", async () => {
    const epochs = [{ loss: 3 }, { loss: 2 }, { loss: 1, val_loss: 4 }];
    assert.equal(
      await written([epochs]),
      "epoch,loss,val_loss|0,3.0,NA|1,2.0,NA|2,1.0,4.0|",
    );
    assert.equal(
      await written([epochs], { reserveValColumns: false }),
      "epoch,loss|0,3.0|1,2.0|2,1.0|",
    );
  });

  it("CSVLogger warns once about a key without a column", async () => {
    const logger = new CSVLogger("log.csv", { fs: memoryFileSystem() });
    const { warned } = await captured(() =>
      drive(logger, [{ b: 1 }, { b: 1, c: 2 }, { b: 1, c: 2 }])
    );
    assert.equal(warned.length, 1);
    assert.match(warned[0], /no column for c,.*epoch,b,val_b/);
  });

  it("CSVLogger replaces the file in each run, or appends to it under one header", async () => {
    const runs = [[{ loss: 1 }], [{ loss: 2 }, { loss: 3 }]];
    const options = { reserveValColumns: false };
    assert.equal(await written(runs, options), "epoch,loss|0,2.0|1,3.0|");
    assert.equal(
      await written(runs, { ...options, append: true }),
      "epoch,loss|0,1.0|0,2.0|1,3.0|",
    );
  });

  it("CSVLogger completes an unfinished last line before it appends, even a quoted value", async () => {
    for (const allKeys of [false, true]) {
      for (
        const [before, after] of [
          ["epoch,loss", "epoch,loss\r\n"],
          ["epoch,loss\n0,1.0", "epoch,loss\n0,1.0\r\n"],
          ["epoch,loss\r\n0,1.0\r\n1,0.", "epoch,loss\r\n0,1.0\r\n1,0.\r\n"],
          ["epoch,loss\r\n0,1.0\r", "epoch,loss\r\n0,1.0\r\n"],
          ['epoch,loss\r\n0,"[1.0, ', 'epoch,loss\r\n0,"[1.0, "\r\n'],
        ]
      ) {
        const fs = memoryFileSystem();
        await fs.writeFile("log.csv", before);
        await drive(new CSVLogger("log.csv", { fs, append: true, allKeys }), [{ loss: 4 }]);
        assert.equal(await fs.readTextFile("log.csv"), `${after}0,4.0\r\n`);
      }
    }
  });

  it("CSVLogger removes a partial row after a failed write, and continues after the last complete one", async () => {
    const { fs, real } = failingOnce("1,", "3,");
    const logger = new CSVLogger("log.csv", { fs, reserveValColumns: false, onError: "warn" });
    await captured(() => drive(logger, [0, 1, 2, 3].map((epoch) => ({ loss: epoch / 2 }))));
    assert.equal(await real.readTextFile("log.csv"), "epoch,loss\r\n0,0.0\r\n2,1.0\r\n");
  });

  it("CSVLogger starts a new file with a header when its file is removed during the run", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-csv-"));
    try {
      const filename = join(folder, "logs", "log.csv");
      const { warned } = await captured(() =>
        withClock((pass) =>
          drive(
            new CSVLogger(filename, { reserveValColumns: false }),
            [3, 2, 1].map((loss) => ({ loss })),
            {
              train: async (epoch) => {
                pass(10);
                if (epoch === 1) await rm(join(folder, "logs"), { recursive: true });
              },
            },
          )
        )
      );
      assert.equal(await readFile(filename, "utf8"), "epoch,loss\r\n1,2.0\r\n2,1.0\r\n");
      assert.deepEqual(warned, [
        `keepfit: ${filename} was removed during the run; the log continues in a new file`,
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("CSVLogger appends in the columns of the file", async () => {
    const fs = memoryFileSystem();
    await fs.writeFile("log.csv", 'epoch,loss,"a,b"\r\n0,1,2\r\n');
    const logger = new CSVLogger("log.csv", { fs, append: true });
    await drive(logger, [{ "a,b": 5, loss: 4 }]);
    assert.equal(
      await fs.readTextFile("log.csv"),
      'epoch,loss,"a,b"\r\n0,1,2\r\n0,4.0,5.0\r\n',
    );
  });

  it("CSVLogger fails before the first batch when the file has no column for a metric", async () => {
    const fs = memoryFileSystem();
    for (const [header, reason] of [["epoch,loss", "logs mae"], ["a;b", "must be 'epoch'"]]) {
      await fs.writeFile("log.csv", `${header}\r\n0,1\r\n`);
      const run = drive(new CSVLogger("log.csv", { fs, append: true }), [{ loss: 1, mae: 1 }], {
        params: { metrics: ["loss", "mae"] },
        train: () => assert.fail("trained"),
      });
      await assert.rejects(run, (error: Error) => {
        assert(error.cause instanceof RangeError);
        assert(error.message.includes("onTrainBegin") && error.message.includes(reason));
        return true;
      });
      assert.equal(await fs.readTextFile("log.csv"), `${header}\r\n0,1\r\n`);
    }
  });

  it("CSVLogger writes each row to a real file when its epoch ends, and creates folders", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-csv-"));
    try {
      for (const filename of [join(folder, "a", "b", "log.csv"), join(folder, "log.csv")]) {
        const seen: string[] = [];
        const reader = { onEpochEnd: async () => seen.push(await readFile(filename, "utf8")) };
        const path = filename.includes("b") ? filename : pathToFileURL(filename);
        const logger = new CSVLogger(path, { reserveValColumns: false });
        await drive([logger, reader], [{ loss: 1 }, { loss: 2 }]);
        assert.deepEqual(seen, ["epoch,loss\r\n0,1.0\r\n", "epoch,loss\r\n0,1.0\r\n1,2.0\r\n"]);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("CSVLogger fails before the first batch when the file is not writable", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-csv-"));
    try {
      await writeFile(join(folder, "file"), "");
      for (const filename of [folder, join(folder, "file", "log.csv")]) {
        const run = drive(new CSVLogger(filename), [{ loss: 1 }], {
          train: () => assert.fail("trained"),
        });
        await assert.rejects(run, (error: Error) => error.cause instanceof FileSystemError);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("CSVLogger keeps the written rows, and closes the file, when training fails", async () => {
    const fs = memoryFileSystem();
    const logger = new CSVLogger("log.csv", { fs, reserveValColumns: false });
    const failing = { onEpochEnd: (epoch: number) => assert.equal(epoch, 0) };
    await assert.rejects(drive([logger, failing], [{ loss: 1 }, { loss: 2 }, { loss: 3 }]));
    assert.equal(await fs.readTextFile("log.csv"), "epoch,loss\r\n0,1.0\r\n1,2.0\r\n");
    await assert.rejects(async () => await logger.onEpochEnd(2, { loss: 3 }), TypeError);
  });

  it("CSVLogger removes rows that a resumed run writes again, whenever the state is restored", async () => {
    for (const isEarly of [true, false]) {
      const fs = memoryFileSystem();
      const options = { fs, reserveValColumns: false };
      const first = new CallbackList(new CSVLogger("log.csv", options));
      await first.onTrainBegin();
      await first.onEpochEnd(0, { loss: 3 });
      const state = structuredClone(await first.getState());
      await first.onEpochEnd(1, { loss: 2 });
      await first.close();

      const resumed = new CallbackList(new CSVLogger("log.csv", options));
      if (isEarly) await resumed.setState(state);
      await resumed.onTrainBegin();
      if (!isEarly) await resumed.setState(state);
      // A run that continues within an epoch does not begin it again.
      if (isEarly) await resumed.onEpochBegin(1);
      await resumed.onEpochEnd(1, { loss: 2.5, mae: 1 });
      await resumed.onTrainEnd();
      await resumed.close();
      assert.equal(await fs.readTextFile("log.csv"), "epoch,loss\r\n0,3.0\r\n1,2.5\r\n");
    }
  });

  it("CSVLogger writes the header again if a resumed run finds no file", async () => {
    const fs = memoryFileSystem();
    const logger = new CSVLogger("log.csv", { fs });
    const state = { size: 99, lines: 3, head: "epoch,loss\r\n", tail: "1,0.5\r\n" };
    logger.setState({ columns: ["loss"], ...state });
    const { warned } = await captured(() => drive(logger, [{ loss: 1 }]));
    assert.match(warned.join(), /log\.csv has lost lines .*; restored: 1, missing: 2/);
    assert.equal(await fs.readTextFile("log.csv"), "epoch,loss\r\n0,1.0\r\n");
    await drive(logger, [{ acc: 1, val_acc: 1 }]);
    assert.equal(await fs.readTextFile("log.csv"), "epoch,acc,val_acc\r\n0,1.0,1.0\r\n");
  });

  it("CSVLogger quotes numbers if they contain the separator, in every row", async () => {
    const epochs = [{ loss: 1.5 }, { loss: 2 }, { loss: -2.5 }, { other: 1 }];
    const options = { reserveValColumns: false };
    assert.equal(
      await written([epochs], { ...options, separator: "." }),
      'epoch.loss|0."1.5"|1."2.0"|2."-2.5"|3.NA|',
    );
    assert.equal(
      await written([epochs]),
      "epoch,loss,val_loss|0,1.5,NA|1,2.0,NA|2,-2.5,NA|3,NA,NA|",
    );
  });

  it("CSVLogger writes a key 'epoch' of the logs in each row, and text as it is", async () => {
    const epochs = [0, 1, 2].map((i) => ({ epoch: i + 10, loss: "a,b" }));
    assert.equal(
      await written([epochs], { reserveValColumns: false }),
      'epoch,epoch,loss|10.0,10.0,"a,b"|11.0,11.0,"a,b"|12.0,12.0,"a,b"|',
    );
  });

  it("CSVLogger adds a column for every key with allKeys, and NA in earlier rows", async () => {
    const epochs = [{ loss: 3 }, { loss: 2, 'a"b': 1 }, { loss: 1 }, { val_loss: 9, extra: 1 }];
    assert.equal(
      await written([epochs], { allKeys: true, separator: ";" }),
      'epoch;loss;"a""b";extra;val_loss|0;3.0;NA;NA;NA|1;2.0;1.0;NA;NA|2;1.0;NA;NA;NA|' +
        "3;NA;NA;1.0;9.0|",
    );
    assert.equal(
      await written([[{ loss: 1 }], [{ mae: 2 }]], { allKeys: true, append: true }),
      "epoch,loss,mae|0,1.0,NA|0,NA,2.0|",
    );
  });

  it("CSVLogger resumes a file whose header has grown since the state was saved", async () => {
    const fs = memoryFileSystem();
    await fs.writeFile("log.csv", "epoch,loss\r\n0,4.0\r\n");
    const first = new CSVLogger("log.csv", { fs, allKeys: true, append: true });
    const list = new CallbackList(first);
    await list.onTrainBegin();
    await list.onEpochEnd(0, { loss: 3 });
    const state = structuredClone(await list.getState());
    await list.onEpochEnd(1, { loss: 2, mae: 1 });
    await list.close();

    const resumed = new CallbackList(new CSVLogger("log.csv", { fs, allKeys: true }));
    await resumed.setState(state);
    await resumed.onTrainBegin();
    await resumed.onEpochBegin(1);
    await resumed.onEpochEnd(1, { loss: 2.5, auc: 1 });
    await resumed.onEpochEnd(2, { loss: 2.25 });
    await resumed.close();
    assert.equal(
      await fs.readTextFile("log.csv"),
      "epoch,loss,mae,auc\r\n0,4.0,NA,NA\r\n0,3.0,NA,NA\r\n1,2.5,NA,1.0\r\n2,2.25,NA,NA\r\n",
    );
  });

  it("CSVLogger rejects an invalid filename and separator", () => {
    assert.throws(() => new CSVLogger(""), RangeError);
    assert.throws(() => new CSVLogger(undefined as never), TypeError);
    for (const separator of ["", ";;", '"', "\n"]) {
      assert.throws(() => new CSVLogger("log.csv", { separator }), RangeError);
    }
  });
});
