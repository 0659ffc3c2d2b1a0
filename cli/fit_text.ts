// deno-lint-ignore no-control-regex
const ansi = /\x1b\[[\d;]*m/g;

/**
 * Break the lines of a text that are wider than a terminal between words. What follows is indented
 * as what stands behind the label, bullet or indent of the line; a command goes on behind a
 * backslash.
 *
 * @param columns width; undefined for a text that no terminal shows, which stays as it is
 */
export function fitText(text: string, columns: number | undefined): string {
  if (columns === undefined) return text;
  return text.split("\n").flatMap((line) => fitLine(line, columns)).join("\n");
}

function fitLine(line: string, columns: number): string[] {
  if (widthOf(line) <= columns) return [line];
  const isCommand = /^ +keepfit /.test(line.replace(ansi, ""));
  const [first] = /^ *(?:- |! |[\w-]+: +)?/.exec(line.replace(ansi, "")) ?? [""];
  const indent = " ".repeat(Math.min(isCommand ? first.length + 2 : first.length, columns / 2));
  const room = isCommand ? columns - 2 : columns;
  const [lead] = /^ */.exec(line) ?? [""];
  const lines = [lead];
  for (const word of line.slice(lead.length).split(/(?<=\S)(?= )/)) {
    const last = lines.length - 1;
    const isEmpty = lines[last].trim() === "";
    if (!isEmpty && widthOf(lines[last] + word) > room) lines.push(indent + word.trimStart());
    else lines[last] += isEmpty ? word.trimStart() : word;
  }
  return isCommand ? lines.map((one, i) => i < lines.length - 1 ? `${one} \\` : one) : lines;
}

/** Without what only colors. */
function widthOf(line: string): number {
  return line.replace(ansi, "").length;
}
