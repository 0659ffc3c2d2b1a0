import assert from "node:assert/strict";
import { chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { startChild } from "../tests/child.ts";
import { findUpward } from "./find_upward.ts";
import { getRuntime } from "./get_runtime.ts";

const folderUrl = (path: string) => pathToFileURL(`${path}/`);

describe("findUpward", () => {
  it("findUpward finds the nearest file in a folder or its parents", async () => {
    const top = await mkdtemp(join(tmpdir(), "keepfit-upward-"));
    try {
      const below = join(top, "a/b");
      await mkdir(below, { recursive: true });
      const { fs } = getRuntime();
      assert.equal(await findUpward(fs, "none.json", folderUrl(below)), undefined);
      await writeFile(join(top, "some.json"), "{}");
      const find = async () => (await findUpward(fs, "some.json", folderUrl(below)))?.pathname;
      assert.equal(await find(), join(top, "some.json"));
      await writeFile(join(top, "a/some.json"), "{}");
      assert.equal(await find(), join(top, "a/some.json"));
    } finally {
      await rm(top, { recursive: true });
    }
  });

  it("findUpward ignores a file of another user, and warns once", async (t) => {
    if (process.getuid?.() !== 0) {
      t.skip("only root can create a file that belongs to another user");
      return;
    }
    const top = await mkdtemp(join(tmpdir(), "keepfit-upward-"));
    const { warn } = console;
    const warnings: string[] = [];
    console.warn = (line: string) => void warnings.push(line);
    try {
      const below = join(top, "a/b");
      await mkdir(below, { recursive: true });
      const planted = join(top, "a/some.json");
      await writeFile(planted, "{}");
      await writeFile(join(top, "some.json"), "{}");
      await chown(planted, 65534, 65534);
      const { fs } = getRuntime();
      const find = async () => (await findUpward(fs, "some.json", folderUrl(below)))?.pathname;
      assert.equal(await find(), join(top, "some.json"));
      assert.equal(await find(), join(top, "some.json"));
      assert.equal(warnings.length, 1);
      assert.match(warnings[0], /ignored file:\S+\/a\/some\.json: it belongs to another user/);
      // The whole project may belong to another user, as in a container that runs as root.
      await chown(below, 65534, 65534);
      assert.equal(await find(), planted);
    } finally {
      console.warn = warn;
      await rm(top, { recursive: true });
    }
  });
});

describe("urlOfPath", () => {
  it("urlOfPath names the flag that Deno needs to read the working directory", async () => {
    if (getRuntime().name !== "deno") return console.log("skipped: only Deno has permissions");
    const path = join(import.meta.dirname as string, "find_upward.ts");
    const { result } = startChild(
      `
      import { urlOfPath } from ${JSON.stringify(path)};
      console.log(urlOfPath("/a").href);
      try {
        urlOfPath("a");
      } catch ({ name, message }) {
        console.log(name, message);
      }
    `,
      { permissions: [] },
    );
    assert.equal(
      (await result).stdout,
      "file:///a\nTypeError Cannot use a: the working directory may not be read " +
        "(run Deno again with --allow-read=.)\n",
    );
  });
});
