import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { listFiles } from "../tests/files.ts";
import { guestFiles } from "./guest.ts";
import { wasmModules } from "./kernels.ts";
import { root, runCompiler } from "./package.ts";

describe("The generated code of guests and threads", () => {
  it("The generated code matches the committed sources; `npm run build` writes it", async () => {
    const files = await guestFiles();
    const compiled = wasmModules.map(({ file }) => file);
    const stored = listFiles()
      .filter((path) => path.endsWith(".generated.ts") && !compiled.includes(path));
    assert.deepEqual(stored, Object.keys(files).sort());
    for (const [path, text] of Object.entries(files)) {
      assert.equal(readFileSync(root + path, "utf8"), text, `${path} is stale: run npm run build`);
    }
  });

  it("The generated code contains nothing that is specific to a runtime", () => {
    const project = `${root}build/guest.tsconfig.json`;
    const { status, stdout } = runCompiler(["--project", project], "pipe");
    assert.deepEqual({ status, stdout }, { status: 0, stdout: "" });
  });

  it("The generated code calls no iterator in the sandbox, which a plugin could have replaced", async () => {
    const { "plugins/host/sandbox/guest.generated.ts": code } = await guestFiles();
    // A rest parameter, the last one of a list, calls no iterator.
    const iterating =
      /\bfor (?:await )?\([^;\n]* of .*|\.\.\.(?!\w+\) =>).*|\b(?:const|let|var) \[.*|^ *\[.*\] = .*/gm;
    assert.deepEqual(code.match(iterating), null);
  });
});
