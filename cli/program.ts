import { Command } from "commander";
import { version } from "../plugins/manifest/version.ts";
import type { CommandLine } from "./command_line.ts";
import { addExamples, helpLayout } from "./help.ts";
import { addAdd } from "./commands/add.ts";
import { addAudit } from "./commands/audit.ts";
import { addCache } from "./commands/cache.ts";
import { addCheck } from "./commands/check.ts";
import { addCompletions } from "./commands/completions.ts";
import { addDev } from "./commands/dev.ts";
import { addExplain } from "./commands/explain.ts";
import { addHub } from "./commands/hub.ts";
import { addKey } from "./commands/key.ts";
import { addList } from "./commands/list.ts";
import { addNew } from "./commands/new.ts";
import { addOutdated } from "./commands/outdated.ts";
import { addPack } from "./commands/pack.ts";
import { addPublish } from "./commands/publish.ts";
import { addRemove } from "./commands/remove.ts";
import { addSign } from "./commands/sign.ts";
import { addToken } from "./commands/token.ts";
import { addUpdate } from "./commands/update.ts";
import { addVendor } from "./commands/vendor.ts";
import { addVerify } from "./commands/verify.ts";
import { addYank } from "./commands/yank.ts";

/** Adds a command and its subcommands to the program. */
export type AddCommand = (program: Command, cli: CommandLine) => void;

/** Every command, in the order of the help. */
const commands: readonly AddCommand[] = [
  addAdd,
  addRemove,
  addUpdate,
  addOutdated,
  addList,
  addExplain,
  addVerify,
  addAudit,
  addVendor,
  addCache,
  addNew,
  addDev,
  addCheck,
  addPack,
  addKey,
  addToken,
  addSign,
  addPublish,
  addYank,
  addHub,
  addCompletions,
];

/** Messages of the parser, collected until it is known whether to print them as text or JSON. */
export interface Printed {
  output: string;
  errors: string;
}

/** Create the command tree. It throws a CommanderError instead of exiting. */
export function createProgram(cli: CommandLine, printed: Printed): Command {
  const program = new Command("keepfit")
    .description("Callbacks for TensorFlow.js, and plugins.")
    .usage("COMMAND [options]")
    .version(version, "--version", "Print the version.")
    .helpOption("--help", "Explain.")
    .helpCommand("help [COMMAND]", "Explain a command.")
    .option("--json", "Print everything as JSON on standard output, including errors.")
    .exitOverride()
    .hook("preAction", (_, command) => rejectEmptyOptions(command))
    .showHelpAfterError("Run keepfit --help for more.")
    // Unlike the defaults, these functions need no permission of Deno.
    .configureOutput({
      writeOut: (text) => void (printed.output += text),
      writeErr: (text) => void (printed.errors += text),
      outputError: (text, write) => write(text.replace(/^error: /, "keepfit: ")),
      getOutHelpWidth: () => cli.columns,
      getErrHelpWidth: () => cli.columns,
      getOutHasColors: () => cli.hasColors,
      // Standard output may be redirected to a file.
      getErrHasColors: () => false,
    })
    .configureHelp(helpLayout);
  addExamples(
    program,
    cli,
    ["keepfit add registry:ada/loss-to-slack@^1", "review a plugin, then pin it"],
    ["keepfit add ./loss-to-slack", "the same for a local plugin"],
    ["keepfit new ada/loss-to-slack", "create a plugin, with tests"],
    ["keepfit check loss-to-slack", "find what prevents publishing"],
    ["keepfit pack loss-to-slack --bundle --out public", "publish it to a folder"],
    ["keepfit hub public", "serve the folder public"],
  );
  program.addHelpText(
    "after",
    `
Exit codes: 0 success, 1 failure, 2 invalid command line.
KEEPFIT_DEBUG=1 prints the stack of an error.`,
  );
  for (const add of commands) add(program, cli);
  nameOwnHelp(program, "keepfit");
  return program;
}

/** Reject options with an empty argument, which is what an unset variable of a shell becomes. */
function rejectEmptyOptions(command: Command): void {
  for (const option of command.options) {
    const given = [command.getOptionValue(option.attributeName())].flat();
    if (given.includes("")) command.error(`error: option '${option.flags}' argument is empty`);
  }
}

/** Errors of the command line refer to the help of their command. */
function nameOwnHelp(command: Command, path: string): void {
  command.showHelpAfterError(`Run ${path} --help for more.`);
  for (const one of command.commands) nameOwnHelp(one, `${path} ${one.name()}`);
}
