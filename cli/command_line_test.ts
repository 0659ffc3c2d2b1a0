import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { printable } from "../core/printable.ts";
import { CommandLine } from "./command_line.ts";

/** A command line whose output is collected. */
function collecting(args: string[], hasColors: boolean) {
  const written: string[] = [];
  const terminal = { write: (text: string) => void written.push(text), hasColors };
  return { cli: Object.assign(new CommandLine(args), { terminal }), written };
}

describe("CommandLine", () => {
  const foreign = "\u001b[2J\u001b[1;32mpublished\u202e\u200b";
  const shown = "\\u001b[2J\\u001b[1;32mpublished\\u202e\\u200b";

  it("CommandLine escapes control characters in foreign text, and keeps its own styles", () => {
    const { cli, written } = collecting([], true);
    cli.print({}, `\u001b[1m${foreign}\u001b[22m\n`);
    cli.note(`${foreign}\n`);
    assert.deepEqual(written, [`\u001b[1m${shown}\u001b[22m\n`, `${shown}\n`]);
  });

  it("CommandLine writes no styles if the terminal has no colors", () => {
    const { cli, written } = collecting([], false);
    cli.note("\u001b[1mbold\n");
    assert.deepEqual(written, ["\\u001b[1mbold\n"]);
  });

  it("CommandLine writes the data as JSON with --json", () => {
    const { cli, written } = collecting(["--json"], false);
    cli.print({ foreign }, "");
    assert.equal(written[0], printable(written[0]));
    assert.deepEqual(JSON.parse(written[0]), { foreign });
  });
});
