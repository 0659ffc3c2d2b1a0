import { Command } from "commander";
import { version } from "../plugins/manifest/version.ts";
import type { CommandLine } from "./command_line.ts";
import { addExamples, helpLayout } from "./help.ts";
import { addAdd } from "./commands/add.ts";
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

/** Puts one command, with all below it, into the program. */
export type AddCommand = (program: Command, line: CommandLine) => void;

/** Every command, in the order of the help. */
const commands: readonly AddCommand[] = [
  addAdd,
  addRemove,
  addUpdate,
  addOutdated,
  addList,
  addExplain,
  addVerify,
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

/** What the parser itself prints, until it is known how it is to be told. */
export interface Printed {
  output: string;
  errors: string;
}

/** Make the command tree; it throws a CommanderError where it would end the process. */
export function createProgram(line: CommandLine, printed: Printed): Command {
  const program = new Command("keepfit")
    .description("Callbacks for TensorFlow.js, and plugins of them.")
    .usage("COMMAND [options]")
    .version(version, "--version", "Tell the version.")
    .helpOption("--help", "Explain.")
    .helpCommand("help [COMMAND]", "Explain a command.")
    .option("--json", "Tell everything as JSON on standard output, errors too.")
    .exitOverride()
    .showHelpAfterError("keepfit --help tells more")
    // Nothing of this asks Deno for a permission, as the defaults would.
    .configureOutput({
      writeOut: (text) => void (printed.output += text),
      writeErr: (text) => void (printed.errors += text),
      outputError: (text, write) => write(text.replace(/^error: /, "keepfit: ")),
      getOutHelpWidth: () => line.columns,
      getErrHelpWidth: () => line.columns,
      getOutHasColors: () => line.hasColors,
      // What goes there may be read from a file.
      getErrHasColors: () => false,
    })
    .configureHelp(helpLayout);
  addExamples(
    program,
    line,
    ["keepfit add registry:ada/loss-to-slack@^1", "see what it may do, then pin it"],
    ["keepfit add ./loss-to-slack", "the same with one on this machine"],
    ["keepfit new ada/loss-to-slack", "a plugin of your own, with tests"],
    ["keepfit check loss-to-slack", "what keeps it from being published"],
    ["keepfit pack loss-to-slack --bundle --out public", "publish it into a folder"],
    ["keepfit hub public", "serve what is in the folder public"],
  );
  program.addHelpText(
    "after",
    `
It ends with 0 when all went well, 1 when not, 2 when the command line was not understood.
KEEPFIT_DEBUG=1 prints the stack of an error.`,
  );
  for (const add of commands) add(program, line);
  nameOwnHelp(program, "keepfit");
  return program;
}

/** An error of the command line names the help of its command. */
function nameOwnHelp(command: Command, path: string): void {
  command.showHelpAfterError(`${path} --help tells more`);
  for (const one of command.commands) nameOwnHelp(one, `${path} ${one.name()}`);
}
