/**
 * The `keepfit` command as a function.
 *
 * @module
 */
import { CommanderError } from "commander";
import { version } from "../plugins/version.ts";
import { CommandLine } from "./command_line.ts";
import { createProgram, type Printed } from "./program.ts";

/**
 * Run the command.
 *
 * @param args the command line without the program's name
 * @returns the exit code: 0 fine, 1 failed, 2 not understood
 * @example
 * ```ts
 * import { main } from "keepfit/cli";
 * import assert from "node:assert/strict";
 *
 * assert.equal(await main(["--version"]), 0);
 * assert.equal(await main(["no-such-command"]), 2);
 * ```
 */
export async function main(args: readonly string[]): Promise<number> {
  const line = new CommandLine(args);
  const printed: Printed = { output: "", errors: "" };
  try {
    await createProgram(line, printed).parseAsync(args, { from: "user" });
    return line.code;
  } catch (error) {
    if (error instanceof CommanderError) return tellParsed(error, line, printed);
    line.fail(error);
    return 1;
  }
}

/** The parser has ended by itself: with help, the version, or what it did not understand. */
function tellParsed(error: CommanderError, line: CommandLine, printed: Printed): number {
  const { output, errors } = printed;
  if (error.exitCode === 0) {
    line.tell(error.code === "commander.version" ? { version } : { help: output }, output);
    return 0;
  }
  if (line.json) line.fail(errors.replace(/^keepfit: /, "").trim());
  else console.error(errors.trimEnd());
  return 2;
}
