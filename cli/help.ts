import type { AddHelpTextContext, Command, Help } from "commander";
import type { CommandLine } from "./command_line.ts";

/** The format of help: as wide as the terminal, in two columns if they fit. */
export const helpLayout: Partial<Help> = {
  showGlobalOptions: true,
  minWidthToWrap: 20,
  // Lists only required arguments; the help of the command itself lists its options.
  subcommandTerm: (command) => `${command.name()} ${argumentsOf(command)}`.trim(),
  formatItem,
  styleTitle: bold,
  styleCommandText: cyan,
  styleOptionText: cyan,
};

/** An example: a command line and what it does. */
export type Example = readonly [command: string, purpose?: string];

/** Add examples to the help of a command. */
export function addExamples(
  command: Command,
  { columns }: CommandLine,
  ...examples: readonly Example[]
): Command {
  return command.addHelpText("after", ({ command }: AddHelpTextContext) => {
    const helper = command.createHelp();
    helper.prepareContext({ helpWidth: columns });
    const width = Math.max(...examples.map(([text]) => text.length));
    const lines = examples.map(([text, purpose = ""]) =>
      helper.formatItem(cyan(text), width, purpose, helper)
    );
    return `\n${bold(examples.length > 1 ? "Examples:" : "Example:")}\n${lines.join("\n")}`;
  });
}

function argumentsOf(command: Command): string {
  if (command.commands.length > 0) return command.commands.map((one) => one.name()).join("|");
  return command.usage().replace("[options] ", "").replace(/ ?(\[?--|\[options\]).*/, "")
    .replace(/[<>]/g, "");
}

function formatItem(term: string, termWidth: number, description: string, helper: Help): string {
  if (description === "") return `  ${term}`;
  const columns = helper.helpWidth ?? 80;
  const isNarrow = columns - termWidth - 4 < 30;
  const indent = " ".repeat(isNarrow ? 6 : termWidth + 4);
  const text = helper.boxWrap(description, Math.max(columns - indent.length, 20))
    .replaceAll("\n", `\n${indent}`);
  if (isNarrow) return `  ${term}\n${indent}${text}`;
  return `  ${term}${" ".repeat(termWidth - helper.displayWidth(term) + 2)}${text}`;
}

function bold(text: string): string {
  return `\x1b[1m${text}\x1b[22m`;
}

function cyan(text: string): string {
  return `\x1b[36m${text}\x1b[39m`;
}
