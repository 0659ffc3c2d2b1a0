import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type FileSystem, memoryFileSystem } from "../runtime/mod.ts";
import { root } from "../tests/files.ts";
import { packPlugin } from "./pack.ts";

const example = join(root, "examples/plugins/keepfit/plateau/0.1.0");

/** The source of a plugin in the folder `notes`. */
async function source(version = "0.1.0", fs = memoryFileSystem()): Promise<FileSystem> {
  const read = (name: string) => readFile(join(example, name), "utf8");
  const { files, ...manifest } = JSON.parse(await read("callback.plugin.json"));
  await fs.makeDir("notes");
  await fs.writeFile("notes/callback.plugin.json", JSON.stringify({ ...manifest, version }));
  for (const name of Object.keys(files)) await fs.writeFile(`notes/${name}`, await read(name));
  return fs;
}

describe("Packing a plugin", () => {
  it("Packing a plugin into a folder of its source does not include what was packed before", async () => {
    const fs = await source();
    for (const version of ["0.1.0", "0.1.1"]) {
      await source(version, fs);
      const { files } = await packPlugin({ source: "notes", out: "./notes/public", fs });
      assert.equal(files, 3);
    }
    await packPlugin({ source: "notes", out: ".", fs });
    await assert.rejects(
      packPlugin({ source: "notes", out: "notes/", fs }),
      /^RangeError: Cannot pack notes into itself/,
    );
  });

  it("Packing a plugin omits pipes and sockets, which may never end", async () => {
    const fs = await source();
    const piped: FileSystem = {
      ...fs,
      async readDir(path) {
        const entries = await fs.readDir(path);
        const pipe = { name: "pipe", isFile: false, isDirectory: false, isSymlink: false };
        return String(path) === "notes" ? [...entries, pipe] : entries;
      },
    };
    assert.equal((await packPlugin({ source: "notes", out: "public", fs: piped })).files, 3);
  });
});
