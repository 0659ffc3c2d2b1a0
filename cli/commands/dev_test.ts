import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fromRegistry } from "../keepfit_source.ts";
import { newFiles } from "../new_files.ts";
import { start } from "../../tests/command.ts";

describe("keepfit dev", () => {
  let folder: string;
  let source: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "keepfit-dev-"));
    source = join(folder, "watched");
    const keepfit = fromRegistry("keepfit");
    const files = newFiles({ id: "ada/watched", hooks: ["onEpochEnd"], controls: [], keepfit });
    await mkdir(join(source, "src"), { recursive: true });
    for (const [path, text] of Object.entries(files)) await writeFile(join(source, path), text);
  });
  after(() => rm(folder, { recursive: true }));

  it("keepfit dev reloads the plugin on each save, prints problems, and exits normally on Ctrl-C", async () => {
    const dev = start("dev", source);
    await dev.says("ada/watched: onEpochEnd 1 ");
    const module = join(source, "src/mod.ts");
    const text = await readFile(module, "utf8");
    await writeFile(module, text.replace("log(`", "log(`again: "));
    await dev.says("reloaded ada/watched at epoch ");
    await dev.says("ada/watched: again: onEpochEnd ");
    await writeFile(module, "export default const;");
    await dev.says("kept the previous ada/watched: Cannot bundle");
    dev.end();
    const { code, output, errors } = await dev.ended;
    assert.equal(code, 0, errors);
    assert.match(output, /^ended after \d+ epochs$/m);
    await writeFile(module, text);
  });

  it("keepfit dev accepts options, ends after --epochs and writes JSON with --json", async () => {
    const { code, output, errors } = await start(
      ...["dev", source, "--epochs", "2", "--json", "--", `{ "every": 2 }`],
    ).ended;
    assert.equal(code, 0, errors);
    assert.match(output, /^ada\/watched: onEpochEnd 1 [^\n]*\n\{"event":"end","epochs":2\}\n$/);
    const wrong = await start("dev", source, "--epochs", "2", "--", `{ "every": 0 }`).ended;
    assert.equal(wrong.code, 1);
    assert.match(wrong.errors, /options\.every/);
  });
});
