import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { startChild } from "../tests/child.ts";

const failing = `
  import { PluginError } from "keepfit/plugins";
  import { runProgram } from "keepfit/runtime";
  const disk = new Error("no space is left");
  const reading = new PluginError("E_HTTP", "Cannot read a", { cause: disk, hint: "free some" });
  await runProgram(() => {
    throw new Error("Cannot train: " + reading.message, { cause: reading });
  });
  console.log("unreachable");
`;

describe("runProgram", () => {
  it("runProgram exits with 1 and the messages of the error and its causes, each once, without a stack", async () => {
    const { code, stdout, stderr } = await startChild(failing).result;
    assert.deepEqual([code, stdout], [1, ""]);
    assert.equal(
      stderr,
      `Cannot train: Cannot read a
  hint:     free some
  because: no space is left
KEEPFIT_DEBUG=1 prints the stack
`,
    );
  });

  it("runProgram prints the stack with KEEPFIT_DEBUG=1", async () => {
    const { code, stderr } = await startChild(failing, { env: { KEEPFIT_DEBUG: "1" } }).result;
    assert.equal(code, 1);
    assert.match(stderr, /no space is left[^]*\bat .*child\.mjs/);
  });

  it("runProgram exits normally with the program, and handles errors that cannot be shown", async () => {
    const run = (body: string) =>
      startChild(`import { runProgram } from "keepfit/runtime"; await runProgram(() => {${body}});`)
        .result;
    const fine = await run(`console.log("fine");`);
    assert.deepEqual([fine.code, fine.stdout, fine.stderr], [0, "fine\n", ""]);
    const loop = await run(`const error = new Error("round"); error.cause = error; throw error;`);
    assert.match(loop.stderr, /^round\n/);
    const strange = await run(`throw { toString() { throw 1; } };`);
    assert.match(strange.stderr, /^an error that cannot be shown\n/);
  });
});
