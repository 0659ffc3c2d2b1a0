import { Command } from "commander";
import { version } from "../plugins/version.ts";
import type { CommandLine } from "./command_line.ts";
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
  const { terminal } = line;
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
      getOutHelpWidth: () => terminal.columns ?? 80,
      getErrHelpWidth: () => terminal.columns ?? 80,
      getOutHasColors: () => terminal.hasColors,
      getErrHasColors: () => terminal.hasColors,
    })
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) =>
        `${command.name()} ${command.usage().replace(/ \[-.*/, "")}`.replace(" [options]", ""),
      styleTitle: (text) => `\x1b[1m${text}\x1b[22m`,
      styleCommandText: (text) => `\x1b[36m${text}\x1b[39m`,
      styleOptionText: (text) => `\x1b[36m${text}\x1b[39m`,
    })
    .addHelpText(
      "after",
      `
Examples:
  keepfit add registry:ada/loss-to-slack@^1   see what it may do, then pin it
  keepfit new ada/loss-to-slack        a plugin of your own, with tests
  keepfit check loss-to-slack          what keeps it from being published
  keepfit pack loss-to-slack --bundle --out public
  keepfit hub public                   serve what is in the folder public

It ends with 0 when all went well, 1 when not, 2 when the command line was not understood.`,
    );
  for (const add of commands) add(program, line);
  return program;
}
