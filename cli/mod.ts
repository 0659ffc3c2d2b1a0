/**
 * The `keepfit` command as a function.
 *
 * @module
 */
import { CommanderError } from "commander";
import { version } from "../plugins/manifest/version.ts";
import { printError } from "../runtime/run_program.ts";
import { CommandLine } from "./command_line.ts";
import { createProgram, type Printed } from "./program.ts";

/**
 * Run the command.
 *
 * @param args the command line without the program's name
 * @returns the exit code: 0 success, 1 failure, 2 invalid command line
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
  try {
    return await run(args);
  } catch (error) {
    // Standard output cannot be written, for example because the disk is full.
    printError("keepfit: ", error);
    return 1;
  }
}

async function run(args: readonly string[]): Promise<number> {
  const cli = new CommandLine(args);
  const printed: Printed = { output: "", errors: "" };
  try {
    await createProgram(cli, printed).parseAsync(args, { from: "user" });
    return cli.code;
  } catch (error) {
    if (error instanceof CommanderError) return printParsed(error, cli, printed);
    cli.fail(error);
    return 1;
  }
}

/** Print the result of the parser: help, the version or a usage error. */
function printParsed(error: CommanderError, cli: CommandLine, printed: Printed): number {
  const { output, errors } = printed;
  if (error.exitCode === 0) {
    const data = error.code === "commander.version" ? { version } : { help: output };
    cli.print(data, cli.fit(output));
    return 0;
  }
  const message = withSuggestion(errors);
  if (cli.json) cli.fail(message.replace(/^keepfit: /, "").trim());
  else console.error(cli.fit(message.trimEnd()));
  return 2;
}

/** Names of the commands in other programs. The parser itself suggests only similar spellings. */
const otherNames: Record<string, RegExp> = {
  add: /^(i|in|inst|instal|install|get|use|pin|trust)$/,
  cache: /^(clean|clear|prune)$/,
  check: /^(lint|test|validate|doctor)$/,
  completions: /^(completion|complete)$/,
  explain: /^(info|show|view|inspect|audit|describe|permissions)$/,
  help: /^(h|man|usage)$/,
  hub: /^(serve|server|registry|start)$/,
  list: /^(ls|ll|la|plugins)$/,
  new: /^(init|create|scaffold|generate|make)$/,
  pack: /^(build|bundle|package)$/,
  publish: /^(deploy|push|release|upload)$/,
  remove: /^(rm|r|un|uninstall|uninstal|delete|del)$/,
  update: /^(up|upgrade|bump|refresh)$/,
  yank: /^(unpublish|withdraw|deprecate)$/,
};

function withSuggestion(errors: string): string {
  const [line, word] = /^keepfit: unknown command '(.*)'$/m.exec(errors) ?? [];
  if (line === undefined) return errors;
  const [meant] = Object.entries(otherNames).find(([, names]) => names.test(word)) ?? [];
  if (meant === undefined) return errors;
  const rest = errors.slice(errors.indexOf(line) + line.length).replace(/^\n\(Did you .*\)/, "");
  return `${line}\n(Did you mean ${meant}?)${rest}`;
}
