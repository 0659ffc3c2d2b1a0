import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { CallbackList } from "../core/callback_list.ts";
import { FileSystemError, memoryFileSystem } from "../runtime/mod.ts";
import { JSONLinesLogger, type JSONLinesLoggerOptions } from "./json_lines_logger.ts";
import { withClock } from "../tests/clock.ts";
import { captured, drive, failingOnce } from "./fixtures.ts";

/** The parsed lines of the file after these runs. */
async function logged(runs: object[][], options: JSONLinesLoggerOptions = {}, batches = 0) {
  const fs = memoryFileSystem();
  const logger = new JSONLinesLogger("log.jsonl", { fs, ...options });
  for (const epochs of runs) await drive(logger, epochs, { batches });
  const text = await fs.readTextFile("log.jsonl");
  assert.ok(text.endsWith("\n"));
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

describe("JSONLinesLogger", () => {
  it("JSONLinesLogger writes one object per epoch with the keys of that epoch", async () => {
    assert.deepEqual(await logged([[{ loss: 3 }, { loss: 2, val_loss: 1 }]]), [
      { epoch: 0, loss: 3 },
      { epoch: 1, loss: 2, val_loss: 1 },
    ]);
  });

  it("JSONLinesLogger writes NaN and the infinities as null, or by name", async () => {
    const epochs = [{ a: NaN, b: Infinity, c: -Infinity, d: 1e-7 }];
    assert.deepEqual(await logged([epochs]), [{ epoch: 0, a: null, b: null, c: null, d: 1e-7 }]);
    assert.deepEqual(await logged([epochs], { nonFinite: "string" }), [
      { epoch: 0, a: "NaN", b: "Infinity", c: "-Infinity", d: 1e-7 },
    ]);
  });

  it("JSONLinesLogger writes a line for each batch, or for every n-th, if requested", async () => {
    const lines = await logged([[{ loss: 1 }, { loss: 2 }]], { updateFreq: "batch" }, 2);
    assert.deepEqual(lines.map(({ epoch, batch }) => [epoch, batch]), [
      [0, 0],
      [0, 1],
      [0, undefined],
      [1, 0],
      [1, 1],
      [1, undefined],
    ]);
    const some = await logged([[{ loss: 1 }]], { updateFreq: 100 }, 250);
    assert.deepEqual(some.map(({ batch }) => batch), [99, 199, undefined]);
    assert.equal(new JSONLinesLogger("a").onTrainBatchEnd, undefined);
    assert.equal(new JSONLinesLogger("a", { updateFreq: 3 }).readsBatchLogs(3), false);
  });

  it("JSONLinesLogger writes more than a hundred lines before the end of the epoch", async () => {
    const fs = memoryFileSystem();
    const list = new CallbackList(new JSONLinesLogger("log", { fs, updateFreq: "batch" }));
    await list.onTrainBegin();
    await list.onEpochBegin(0);
    for (let batch = 0; batch < 150; batch++) await list.onTrainBatchEnd(batch, { loss: 1 });
    assert.equal((await fs.readTextFile("log")).split("\n").length - 1, 100);
    await list.close();
    assert.equal((await fs.readTextFile("log")).split("\n").length - 1, 150);
  });

  it("JSONLinesLogger replaces the file in each run, or appends to it", async () => {
    const runs = [[{ loss: 1 }], [{ loss: 2 }]];
    assert.deepEqual(await logged(runs), [{ epoch: 0, loss: 2 }]);
    assert.equal((await logged(runs, { append: true })).length, 2);
    const fs = memoryFileSystem();
    await fs.writeFile("log", '{"epoch":0,"lo');
    await drive(new JSONLinesLogger("log", { fs, append: true }), [{ loss: 1 }]);
    assert.equal(await fs.readTextFile("log"), '{"epoch":0,"lo\n{"epoch":0,"loss":1}\n');
  });

  it("JSONLinesLogger removes lines that a resumed run writes again, even within an epoch", async () => {
    const fs = memoryFileSystem();
    const options = { fs, updateFreq: "batch" } as const;
    const first = new CallbackList(new JSONLinesLogger("log", options));
    await first.onTrainBegin();
    await first.onEpochBegin(4);
    await first.onTrainBatchEnd(0, { loss: 3 });
    const state = structuredClone(await first.getState());
    await first.onTrainBatchEnd(1, { loss: 2 });
    await first.onEpochEnd(4, { loss: 2 });
    await first.close();

    const resumed = new CallbackList(new JSONLinesLogger("log", options));
    await resumed.setState(state);
    await resumed.onTrainBegin();
    await resumed.onTrainBatchEnd(1, { loss: 1 });
    await resumed.onEpochEnd(4, { loss: 1 });
    await resumed.close();
    assert.equal(
      await fs.readTextFile("log"),
      '{"epoch":4,"batch":0,"loss":3}\n{"epoch":4,"batch":1,"loss":1}\n{"epoch":4,"loss":1}\n',
    );
  });

  it("JSONLinesLogger removes a partial line after a failed write, and continues after the last complete one", async () => {
    const { fs, real } = failingOnce('{"epoch":1', '{"epoch":3');
    const logger = new JSONLinesLogger("log", { fs, onError: "warn" });
    await captured(() => drive(logger, [0, 1, 2, 3].map((loss) => ({ loss }))));
    assert.equal(await real.readTextFile("log"), '{"epoch":0,"loss":0}\n{"epoch":2,"loss":2}\n');
  });

  it("JSONLinesLogger continues in a new file when its file is removed, and at the end of a truncated one", async () => {
    const fs = memoryFileSystem();
    const { warned } = await captured(() =>
      withClock((pass) =>
        drive(new JSONLinesLogger("log", { fs }), [4, 3, 2, 1].map((loss) => ({ loss })), {
          train: async (epoch) => {
            pass(10);
            if (epoch === 1) await fs.remove("log");
            if (epoch === 3) await (await fs.open("log", "truncate")).close();
          },
        })
      )
    );
    assert.equal(await fs.readTextFile("log"), '{"epoch":3,"loss":1}\n');
    assert.deepEqual(warned, [
      "keepfit: log was removed during the run; the log continues in a new file",
      "keepfit: log was truncated during the run; the log continues at its end",
    ]);
  });

  it("JSONLinesLogger writes each line to a real file when its epoch ends, even when training fails", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-jsonl-"));
    try {
      const filename = join(folder, "a", "log.jsonl");
      const logger = new JSONLinesLogger(filename, { updateFreq: "batch" });
      const failing = { onEpochEnd: (epoch: number) => assert.equal(epoch, 0) };
      await assert.rejects(drive([logger, failing], [{ loss: 1 }, { loss: 2 }], { batches: 1 }));
      assert.equal((await readFile(filename, "utf8")).trimEnd().split("\n").length, 4);
      await assert.rejects(
        drive(new JSONLinesLogger(folder), [{ loss: 1 }], { train: () => assert.fail("trained") }),
        (error: Error) => error.cause instanceof FileSystemError,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("JSONLinesLogger rejects invalid options", () => {
    assert.throws(() => new JSONLinesLogger(""), RangeError);
    assert.throws(() => new JSONLinesLogger("a", { updateFreq: 0 }), {
      name: "RangeError",
      message: /updateFreq must be "epoch", "batch" or a whole number/,
    });
    assert.throws(() => new JSONLinesLogger("a", { nonFinite: "NaN" as never }), RangeError);
    assert.throws(() => new JSONLinesLogger("a", { append: 1 as never }), TypeError);
  });
});
