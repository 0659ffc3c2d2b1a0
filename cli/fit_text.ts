// deno-lint-ignore no-control-regex
const ansi = /\x1b\[[\d;]*m/g;

/**
 * Wrap lines that are wider than the terminal between words. Continuation lines are indented to the
 * text after the label, bullet or indentation of the line; a command continues after a backslash.
 *
 * @param columns width in cells; undefined to leave the text unchanged
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

/** The width of the text without escape sequences. */
function widthOf(line: string): number {
  return line.replace(ansi, "").length;
}
