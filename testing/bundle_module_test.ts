import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { bundleModule } from "./bundle_module.ts";

const files: Record<string, string> = {
  "now/package.json": '{ "name": "now", "main": "index.js", "type": "module" }',
  "now/index.js": 'export const now = "now";',
  "late/package.json": '{ "name": "late", "main": "index.js", "type": "module" }',
  "late/index.js": 'export const late = "late";',
  "common/package.json": '{ "name": "common", "main": "index.js" }',
  "common/index.js": 'module.exports = { common: "common" };',
};
const main = `import { now } from "now";
import common from "common";
export default async () => [now, (await import("late")).late, common.common];
`;

/** Bundle and run a module of packages that an installer put into folders of a store, or without one. */
async function bundled(folderOf: (name: string) => string): Promise<string> {
  const source = await mkdtemp(join(tmpdir(), "keepfit-bundle-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      const file = join(source, "node_modules", folderOf(path.split("/")[0]), path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    for (const name of ["now", "late", "common"]) {
      const folder = folderOf(name);
      if (folder !== "") await symlink(join(folder, name), join(source, "node_modules", name));
    }
    await writeFile(join(source, "mod.js"), main);
    const bytes = await bundleModule(source, "mod.js", []);
    await writeFile(join(source, "bundled.mjs"), bytes);
    const { default: run } = await import(pathToFileURL(join(source, "bundled.mjs")).href);
    assert.deepEqual(await run(), ["now", "late", "common"]);
    return new TextDecoder().decode(bytes);
  } finally {
    await rm(source, { recursive: true });
  }
}

describe("bundleModule", () => {
  it("bundleModule returns the same text for every layout of node_modules", async () => {
    const flat = await bundled(() => "");
    assert.match(flat, /^ {2}"node_modules\/late\/index.js"\(/m);
    assert.match(flat, /^ {2}"node_modules\/common\/index.js"\(/m);
    assert.equal(await bundled((name) => `.pnpm/${name}@1.0.0/node_modules`), flat);
    assert.equal(await bundled((name) => `.deno/${name}@1.0.0_peer@2.0.0/node_modules`), flat);
  });
});
