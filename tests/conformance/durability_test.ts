/**
 * A file must be on disk before anything refers to it; otherwise a power failure can leave an empty
 * file under the name of a complete one. Readers cannot observe this, so these tests record the
 * system calls to a real file system.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { getRuntime, saveCheckpoint } from "keepfit/runtime";
import { denoCalls } from "../../runtime/deno_calls.ts";
import { createFileSystem } from "../../runtime/file_system.ts";
import { memoryCalls } from "../../runtime/memory.ts";
import { nodeCalls } from "../../runtime/node_calls.ts";
import type { SystemCalls } from "../../runtime/system_calls.ts";

const { name } = getRuntime();
const folder = mkdtempSync(join(tmpdir(), "keepfit-durability-"));
after(() => rmSync(folder, { recursive: true, force: true }));
before(() => tf.setBackend("cpu"));

/** System calls that record their changes of the disk, with the names of the files. */
function recording(calls: SystemCalls): { calls: SystemCalls; done: string[] } {
  const done: string[] = [];
  const recorded =
    <Args extends unknown[], T>(what: string, call: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      const result = await call(...args);
      done.push([what, ...args.filter((one) => typeof one === "string").map(nameOf)].join(" "));
      return result;
    };
  return {
    done,
    calls: {
      ...calls,
      open: recorded("open", async (path, how) => {
        const file = await calls.open(path, how);
        const on = <T>(what: string, call: () => Promise<T>) =>
          recorded(what, (_path: string) => call())(path);
        return {
          write: (bytes) => on("write", () => file.write(bytes)),
          sync: () => on("sync", () => file.sync()),
          close: () => on("close", () => file.close()),
        };
      }),
      chmod: recorded("chmod", calls.chmod),
      rename: recorded("rename", calls.rename),
      removeFile: recorded("remove", calls.removeFile),
      openDir: async (path) => {
        const directory = await calls.openDir(path);
        const sync = recorded("sync folder", (_path: string) => directory.sync());
        return { sync: () => sync(path), close: () => directory.close() };
      },
    },
  };
}

/** The last name of a path, without its random part. */
function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1)
    .replace(/^\.keepfit-.*\.tmp$/, "beside")
    .replace(/^weights-.*-(\d+)\.bin$/, "shard-$1");
}

/** The calls that write a file atomically. */
const placed = (file: string, folder: string, ...chmod: string[]): string[] => [
  "open beside create",
  ...chmod,
  "write beside",
  "sync beside",
  "close beside",
  `rename beside ${file}`,
  `sync folder ${folder}`,
];

/** Check that all calls of a list were made, in its order. */
function assertInOrder(done: string[], calls: string[]): void {
  const found = done.filter((call) => calls.includes(call));
  assert.deepEqual(found, calls, done.join("\n"));
}

const adapters: Record<string, [calls: () => SystemCalls, folder: string]> = {
  memory: [memoryCalls, "/"],
  [name]: [name === "deno" ? denoCalls : nodeCalls, `${folder}/`],
};
let folders = 0;

for (const [adapter, [newCalls, root]] of Object.entries(adapters)) {
  const newWorld = async () => {
    const { calls, done } = recording(newCalls());
    const fs = createFileSystem(calls);
    const directory = `${root}directory-${++folders}`;
    await fs.makeDir(directory);
    return { fs, done, directory, folder: nameOf(directory) };
  };
  // Memory has no permission bits.
  const chmod = adapter === "memory" ? [] : ["chmod beside"];

  describe(`Durability on the file system of ${adapter}`, () => {
    it("writeFile syncs a file before renaming it to its path, then syncs its folder", async () => {
      const { fs, done, directory, folder } = await newWorld();
      await fs.writeFile(`${directory}/a`, "new");
      assert.deepEqual(done, placed("a", folder));
      done.length = 0;
      await fs.writeFile(`${directory}/a`, "replaced");
      assert.deepEqual(done, placed("a", folder, ...chmod));
    });

    it("sync waits for everything written to an open file", async () => {
      for (const mode of ["append", "create", "truncate"] as const) {
        const { fs, done, directory } = await newWorld();
        const file = await fs.open(`${directory}/a`, mode);
        await Promise.all([file.write("1"), file.sync(), file.write("2"), file.close()]);
        assert.deepEqual(done, [`open a ${mode}`, "write a", "sync a", "write a", "close a"]);
      }
    });

    it("saveCheckpoint syncs all weights before the file that refers to them", async () => {
      const { fs, done, directory, folder } = await newWorld();
      const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] });
      // Kernel and bias are in separate shards.
      const options = { fs, maxShardBytes: 16, includeOptimizer: false };
      for (const removed of [[], ["remove shard-1", "remove shard-2"]]) {
        done.length = 0;
        await saveCheckpoint(model, directory, options);
        const renamed = done.indexOf("rename beside model.json");
        const before = done.slice(0, renamed);
        for (const file of ["shard-1", "shard-2", "beside"]) {
          const calls = ["write", "sync", "close"].map((call) => `${call} ${file}`);
          assertInOrder(before, [`open ${file} create`, ...calls]);
        }
        // Their directory entries are also on disk.
        const folderSynced = before.indexOf(`sync folder ${folder}`);
        assert.ok(folderSynced > before.indexOf("open shard-2 create"), before.join("\n"));
        // Until the new file is on disk, the old ones may be the only complete checkpoint.
        assert.deepEqual(done.slice(renamed + 1), [`sync folder ${folder}`, ...removed]);
      }
      model.dispose();
    });
  });
}

describe(`The system calls of ${name}`, () => {
  it("The system calls sync through the operating system, which rejects a closed file", async () => {
    const file = await adapters[name][0]().open(`${folder}/closed`, "create");
    await file.sync();
    await file.close();
    await assert.rejects(async () => await file.sync());
  });
});
