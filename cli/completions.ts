import type { Command } from "commander";
import { idLine, type Node, nodesOf, valuesByOption } from "./completion_words.ts";
import { powershell } from "./powershell.ts";

/** Shells with completions. */
export const shells = ["bash", "zsh", "fish", "powershell"] as const;

/** One of {@linkcode shells}. */
export type Shell = (typeof shells)[number];

/** Generate the script of a shell from the command tree. */
export function completionScript(program: Command, shell: Shell): string {
  return { bash, zsh, fish, powershell }[shell](program.name(), nodesOf(program));
}

const idsOf = `sed -nE 's#${idLine}#\\1#p'`;

/** A function for bash and zsh that lists the plugins of the nearest lock file. */
function idsFunction(program: string): string {
  return `_${program}_plugins() {
  local dir="$PWD"
  while [[ -n "$dir" && ! -f "$dir/keepfit.lock.json" ]]; do dir="\${dir%/*}"; done
  ${idsOf} "$dir/keepfit.lock.json" 2>/dev/null
}
`;
}

function bash(program: string, nodes: Node[]): string {
  const paths = nodes.slice(1).map(({ path }) => quoted(path)).join(" | ");
  const cases = nodes.map(({ path, words, takesPlugin }) => {
    const list = words.map(({ word }) => word).join(" ");
    const plugins = takesPlugin ? ` $(_${program}_plugins)` : "";
    return `    ${quoted(path)}) list="${list}${plugins}" ;;`;
  });
  const values = [...valuesByOption(nodes)].map(([option, values]) =>
    `  ${option}) list="${values.join(" ")}" ;;`
  );
  return `${idsFunction(program)}_${program}() {
  local word="\${COMP_WORDS[COMP_CWORD]}" path="" list="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path \${COMP_WORDS[i]}" in
    ${paths}) path="$path \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  case "\${COMP_WORDS[COMP_CWORD - 1]}" in
${values.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$list" -- "$word"))
  if [[ \${#COMPREPLY[@]} -eq 0 ]]; then COMPREPLY=($(compgen -f -- "$word")); fi
}
complete -o filenames -F _${program} ${program}
`;
}

function zsh(program: string, nodes: Node[]): string {
  const paths = nodes.slice(1).map(({ path }) => quoted(path)).join(" | ");
  const cases = nodes.map(({ path, words, takesPlugin }) => {
    const list = words.map(({ word, description }) =>
      quoted(`${word}:${description.replaceAll(":", "\\:")}`)
    );
    if (takesPlugin) list.push(`\${(f)"$(_${program}_plugins)"}`);
    return `    (${quoted(path)}) list=(${list.join(" ")}) ;;`;
  });
  const values = [...valuesByOption(nodes)].map(([option, values]) =>
    `  (${option}) list=(${values.join(" ")}) ;;`
  );
  return `#compdef ${program}
${idsFunction(program)}_${program}() {
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
  case "\${words[CURRENT - 1]}" in
${values.join("\n")}
  esac
  _describe ${program} list
  _files
}
compdef _${program} ${program}
`;
}

function fish(program: string, nodes: Node[]): string {
  const seen = (word: string): string => `__fish_seen_subcommand_from ${word}`;
  const lines = nodes.flatMap(({ path, words, takesPlugin }) => {
    const above = path.split(" ").slice(1);
    const below = words.filter(({ kind }) => kind === "command").map(({ word }) => word);
    const isHere = above.length === 0 ? "__fish_use_subcommand" : above.map(seen).join("; and ");
    const first = above.length > 0 && below.length > 0
      ? `${isHere}; and not ${seen(below.join(" "))}`
      : isHere;
    const complete = (when: string, what: string) =>
      `complete -c ${program} -n ${quoted(when)} ${what}`;
    const valued = (values: readonly string[]) =>
      values.length > 0 ? ` -x -a ${quoted(values.join(" "))}` : " -r";
    return [
      ...words.map(({ word, description, kind, values }) =>
        complete(
          kind === "command" ? first : isHere,
          `${
            kind === "option"
              ? `-l ${word.slice(2)}${values ? valued(values) : ""}`
              : `-f -a ${word}`
          } -d ${quoted(description)}`,
        )
      ),
      ...(takesPlugin ? [complete(isHere, `-a '(__${program}_plugins)'`)] : []),
    ];
  });
  return `function __${program}_plugins
  set -l dir $PWD
  while test -n "$dir"; and not test -f "$dir/keepfit.lock.json"
    set dir (string replace -r '/[^/]*$' '' -- $dir)
  end
  ${idsOf} "$dir/keepfit.lock.json" 2>/dev/null
end
${lines.join("\n")}
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
