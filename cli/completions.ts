import type { Command } from "commander";

/** Shells that completions can be had for. */
export const shells = ["bash", "zsh", "fish"] as const;

/** One of {@linkcode shells}. */
export type Shell = (typeof shells)[number];

/** Make the script of a shell from the command tree. */
export function completionScript(program: Command, shell: Shell): string {
  return { bash, zsh, fish }[shell](program.name(), nodesOf(program));
}

/** A command, with what can come behind it. */
interface Node {
  /** Words behind the program's name, each with a space before it: `""`, `" key new"`. */
  path: string;
  words: { word: string; description: string; isCommand: boolean }[];
}

function nodesOf(command: Command, path = ""): Node[] {
  const help = command.createHelp();
  // The help command explains the others: completing it once more would be no help.
  const subcommands = command.commands;
  const options = [
    ...help.visibleOptions(command),
    ...(path === "" ? [] : help.visibleGlobalOptions(command)),
  ];
  return [
    {
      path,
      words: [
        ...subcommands.map((one) => ({
          word: one.name(),
          description: one.description(),
          isCommand: true,
        })),
        ...options.flatMap(({ long, description }) =>
          long ? [{ word: long, description, isCommand: false }] : []
        ),
      ],
    },
    ...subcommands.flatMap((one) => nodesOf(one, `${path} ${one.name()}`)),
  ];
}

function bash(program: string, nodes: Node[]): string {
  const paths = nodes.slice(1).map(({ path }) => quoted(path)).join(" | ");
  const cases = nodes.map(({ path, words }) =>
    `    ${quoted(path)}) list="${words.map(({ word }) => word).join(" ")}" ;;`
  );
  return `_${program}() {
  local word="\${COMP_WORDS[COMP_CWORD]}" path="" list="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path \${COMP_WORDS[i]}" in
    ${paths}) path="$path \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$list" -- "$word"))
  if [[ \${#COMPREPLY[@]} -eq 0 ]]; then COMPREPLY=($(compgen -f -- "$word")); fi
}
complete -o filenames -F _${program} ${program}
`;
}

function zsh(program: string, nodes: Node[]): string {
  const paths = nodes.slice(1).map(({ path }) => quoted(path)).join(" | ");
  const cases = nodes.map(({ path, words }) => {
    const list = words.map(({ word, description }) =>
      quoted(`${word}:${description.replaceAll(":", "\\:")}`)
    );
    return `    (${quoted(path)}) list=(${list.join(" ")}) ;;`;
  });
  return `#compdef ${program}
_${program}() {
  local at="" i
  local -a list
  for ((i = 2; i < CURRENT; i++)); do
    case "$at \${words[i]}" in
    (${paths}) at="$at \${words[i]}" ;;
    esac
  done
  case "$at" in
${cases.join("\n")}
  esac
  _describe ${program} list
  _files
}
compdef _${program} ${program}
`;
}

function fish(program: string, nodes: Node[]): string {
  const seen = (word: string): string => `__fish_seen_subcommand_from ${word}`;
  const lines = nodes.flatMap(({ path, words }) => {
    const above = path.split(" ").slice(1);
    const below = words.filter(({ isCommand }) => isCommand).map(({ word }) => word);
    const isHere = above.length === 0 ? "__fish_use_subcommand" : above.map(seen).join("; and ");
    const first = above.length > 0 && below.length > 0
      ? `${isHere}; and not ${seen(below.join(" "))}`
      : isHere;
    return words.map(({ word, description, isCommand }) =>
      `complete -c ${program} -n ${quoted(isCommand ? first : isHere)} ${
        isCommand ? `-f -a ${word}` : `-l ${word.slice(2)}`
      } -d ${quoted(description)}`
    );
  });
  return `${lines.join("\n")}\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
