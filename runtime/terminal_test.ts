import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { startChild } from "../tests/child.ts";
import { createTerminal } from "./terminal.ts";

function terminalWith(
  env: Record<string, string>,
  { isTerminal = true, columns }: { isTerminal?: boolean; columns?: () => number } = {},
) {
  return createTerminal({
    writeSync: (bytes) => bytes.length,
    isTerminal: () => isTerminal,
    columns: () => columns?.(),
    env: (name) => env[name],
  });
}

describe("A terminal", () => {
  it("A terminal is interactive if standard output is one", () => {
    assert.equal(terminalWith({}).isInteractive, true);
    assert.equal(terminalWith({ TERM: "dumb" }).isInteractive, false);
    assert.equal(terminalWith({}, { isTerminal: false }).isInteractive, false);
  });

  it("A terminal has colors unless the user or the terminal disables them", () => {
    assert.equal(terminalWith({}).hasColors, true);
    assert.equal(terminalWith({ NO_COLOR: "" }).hasColors, true);
    assert.equal(terminalWith({ NO_COLOR: "1" }).hasColors, false);
    assert.equal(terminalWith({ TERM: "dumb" }).hasColors, false);
    assert.equal(terminalWith({}, { isTerminal: false }).hasColors, false);
    assert.equal(terminalWith({ FORCE_COLOR: "1" }, { isTerminal: false }).hasColors, true);
    assert.equal(terminalWith({ FORCE_COLOR: "1", NO_COLOR: "1" }).hasColors, true);
    assert.equal(terminalWith({ FORCE_COLOR: "0" }).hasColors, false);
  });

  it("A terminal returns its current width", () => {
    let width = 80;
    const terminal = terminalWith({}, { columns: () => width });
    assert.equal(terminal.columns, 80);
    width = 40;
    assert.equal(terminal.columns, 40);
    assert.equal(terminalWith({}).columns, undefined);
  });

  it("A terminal writes everything, even to an output that accepts little at a time", () => {
    let written = "";
    let calls = 0;
    const terminal = createTerminal({
      writeSync(bytes) {
        if (calls++ % 2 === 0) throw Object.assign(new Error(), { code: "EAGAIN" });
        written += new TextDecoder().decode(bytes.subarray(0, 2));
        return Math.min(bytes.length, 2);
      },
      isTerminal: () => true,
      columns: () => 80,
      env: () => undefined,
    });
    terminal.write("epoch 1");
    assert.equal(written, "epoch 1");
  });

  it("A terminal ignores that its reader was closed, and throws other errors", () => {
    const failing = (properties: object) =>
      createTerminal({
        writeSync() {
          throw Object.assign(new Error("fault"), properties);
        },
        isTerminal: () => true,
        columns: () => 80,
        env: () => undefined,
      });
    failing({ code: "EPIPE" }).write("x");
    failing({ name: "BrokenPipe" }).write("x");
    assert.throws(() => failing({ code: "EIO" }).write("x"), /fault/);
  });

  it("A terminal loses nothing at the end of the process", async () => {
    const { result } = startChild(`
      import { getRuntime } from "keepfit/runtime";
      const { terminal, exit } = getRuntime();
      for (let i = 0; i < 300; i++) terminal.write("é".repeat(1000) + "\\n");
      terminal.write([terminal.isInteractive, terminal.columns].join());
      exit(3);
    `);
    const { code, stdout } = await result;
    assert.equal(code, 3);
    assert.equal(stdout.length, 300 * 1001 + "false,".length);
    assert(stdout.endsWith("\nfalse,"));
  });

  it("A terminal prompts if it is interactive, and for one line only", () => {
    const typed = new TextEncoder().encode("yes\r\nno\n");
    let at = 0;
    let written = "";
    const output = {
      writeSync(bytes: Uint8Array) {
        written += new TextDecoder().decode(bytes);
        return bytes.length;
      },
      readSync(bytes: Uint8Array) {
        if (at === typed.length) return 0;
        bytes[0] = typed[at++];
        return 1;
      },
      isTerminal: () => true,
      columns: () => 80,
      env: () => undefined,
    };
    const terminal = createTerminal({ ...output, isTyped: () => true });
    assert.equal(terminal.ask?.("sure? "), "yes");
    assert.equal(terminal.ask?.("really? "), "no");
    assert.equal(terminal.ask?.("still? "), "");
    assert.equal(written, "sure? really? still? ");
    assert.equal(createTerminal({ ...output, isTyped: () => false }).ask?.("?"), undefined);
  });
});
