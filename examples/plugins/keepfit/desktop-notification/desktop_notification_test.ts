import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { driveEpochs, loadForTest } from "keepfit/testing";

const source = new URL("0.1.0/", import.meta.url);
const isWindows = process.platform === "win32";

describe("The desktop notification", () => {
  let folder: string;
  let log: string;
  const path = process.env.PATH;
  before(async () => {
    // A notify-send that records its arguments.
    folder = await mkdtemp(join(tmpdir(), "keepfit-desktop-"));
    log = join(folder, "shown.txt");
    const command = join(folder, "notify-send");
    await writeFile(command, `#!/bin/sh\nprintf '%s\\n' "$@" > '${log}'\n`);
    await chmod(command, 0o755);
    process.env.PATH = `${folder}${delimiter}${path}`;
  });
  after(async () => {
    process.env.PATH = path;
    await rm(folder, { recursive: true });
  });

  for (const tier of ["trusted", "sandboxed"] as const) {
    it(`The desktop notification shows how training ended, without passing the text to a shell (${tier})`, async (t) => {
      if (isWindows) return t.skip("the stand-in for notify-send is a shell script");
      const { callback } = await loadForTest(source, {
        tier,
        options: { title: "a $(touch b); `c`", minSeconds: 0, monitor: "loss" },
      });
      const { failures } = await driveEpochs(callback, { epochs: [{ loss: 0.12345 }] });
      assert.deepEqual(failures, []);
      assert.deepEqual((await readFile(log, "utf8")).trimEnd().split("\n"), [
        "--app-name=keepfit",
        "--",
        "a $(touch b); `c`",
        "Training has ended after 0 s, loss 0.1235",
      ]);
    });

    it(`The desktop notification prints to the terminal if there is no such command (${tier})`, async () => {
      process.env.PATH = join(folder, "nothing");
      try {
        const { callback, lines } = await loadForTest(source, { tier, options: { minSeconds: 0 } });
        const { failures } = await driveEpochs(callback, { epochs: [{ loss: 1 }] });
        assert.deepEqual(failures, []);
        assert.deepEqual(lines, ["no notification could be shown: Training has ended after 0 s"]);
      } finally {
        process.env.PATH = `${folder}${delimiter}${path}`;
      }
    });
  }
});
