import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CallbackState } from "../core/callback.ts";
import { memoryFileSystem } from "../runtime/mod.ts";
import { createRandom } from "../tests/seeded.ts";
import { BackupFiles } from "./backup_files.ts";
import { captured } from "./fixtures.ts";

const backupOf = (epoch: number): CallbackState => ({
  epoch,
  batch: null,
  weights: [{ name: "dense/kernel", shape: [2], dtype: "float32", values: Float32Array.of(1, -2) }],
  callbacks: { History: { history: { loss: [0.5, NaN] } } },
});

/** Write two backups, and optionally keep the previous one. */
async function written(keepsPrevious: boolean) {
  const fs = memoryFileSystem();
  const files = new BackupFiles(fs, "backup");
  for (const epoch of [1, 2]) {
    files.begin(backupOf(epoch), keepsPrevious, Promise.resolve());
    await files.settle();
  }
  return { fs, files };
}

const latest = "backup/latest.safetensors";

describe("The files of a backup", () => {
  it("The files of a backup are never accepted with a flipped bit, or with missing or additional bytes", async () => {
    const { fs, files } = await written(false);
    assert.deepEqual(await files.find(), backupOf(2));
    const bytes = await fs.readFile(latest);
    const random = createRandom(5);
    const damaged = Array.from(bytes, (_byte, at) => {
      const flipped = bytes.slice();
      flipped[at] ^= 1 << random(8);
      return flipped;
    });
    for (let length = 0; length < bytes.length; length += 7) damaged.push(bytes.slice(0, length));
    damaged.push(new Uint8Array([...bytes, 0]));
    for (const content of damaged) {
      await fs.writeFile(latest, content);
      const refusal = /expected a backup in backup, got a damaged one/;
      await assert.rejects(files.find(), refusal);
      assert.deepEqual(await fs.readFile(latest), content);
    }
  });

  it("The files of a backup provide the previous one if the last is damaged, which is kept under another name", async () => {
    const { fs, files } = await written(true);
    const bytes = await fs.readFile(latest);
    bytes[bytes.length - 3] ^= 8;
    await fs.writeFile(latest, bytes);
    const { warned } = await captured(async () =>
      assert.deepEqual(await files.find(), backupOf(1))
    );
    assert.match(
      warned.join(),
      /the backup is damaged: .*latest.*damaged-latest\.safetensors is kept/,
    );
    assert.deepEqual(await fs.readFile("backup/damaged-latest.safetensors"), bytes);
  });
});
