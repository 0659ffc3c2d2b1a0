import type { Command } from "commander";

/** A command and the words that may follow it. */
export interface Node {
  /** Words after the name of the program, each with a leading space: `""`, `" key new"`. */
  path: string;
  words: Word[];
  /** Whether the argument is a locked plugin. */
  takesPlugin: boolean;
}

/** A word that may follow a command, and its description. */
export interface Word {
  word: string;
  description: string;
  kind: "argument" | "command" | "option";
  /** Values of an option; empty for any value. */
  values?: readonly string[];
}

/**
 * Every command of a program with the words that may follow it, beginning with the program itself.
 */
export function nodesOf(command: Command, path = ""): Node[] {
  const help = command.createHelp();
  // The help command explains the others; it needs no completion itself.
  const subcommands = command.commands;
  const options = [
    ...help.visibleOptions(command),
    ...(path === "" ? [] : help.visibleGlobalOptions(command)),
  ];
  const words: Word[] = [
    ...subcommands.map((one): Word => ({
      word: one.name(),
      description: one.description(),
      kind: "command",
    })),
    ...command.registeredArguments.flatMap(({ argChoices = [], description }) =>
      argChoices.map((word): Word => ({ word, description, kind: "argument" }))
    ),
    ...options.flatMap(({ long, description, required, argChoices = [] }): Word[] =>
      long
        ? [{ word: long, description, kind: "option", ...(required && { values: argChoices }) }]
        : []
    ),
  ];
  return [
    { path, words, takesPlugin: pluginCommands.includes(path) },
    ...subcommands.flatMap((one) => nodesOf(one, `${path} ${one.name()}`)),
  ];
}

/** The possible values of each option. */
export function valuesByOption(nodes: Node[]): Map<string, readonly string[]> {
  return new Map(
    nodes.flatMap(({ words }) =>
      words.flatMap(({ word, values }) => values === undefined ? [] : [[word, values] as const])
    ),
  );
}

/** Commands whose argument is a plugin of the project. */
const pluginCommands = [" explain", " remove", " update"];

/**
 * The line of a lock file that has the id of a plugin, as an extended regular expression: it
 * matches only the characters of an id, because a shell may execute other text of a foreign file.
 */
export const idLine = '^ *"id": "([a-z0-9-]*/[a-z0-9-]*)",*$';
