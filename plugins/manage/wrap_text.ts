/**
 * Wrap a text; a word longer than a line is not broken.
 *
 * @param text text, whose line breaks are kept
 * @param head text in front of the first line; the others are indented by its width
 * @param columns characters per line
 */
export function wrap(text: string, head: string, columns: number): string[] {
  const indent = " ".repeat(head.length);
  return text.split("\n").flatMap((paragraph, i) => {
    const lines = [i === 0 ? head : indent];
    for (const word of paragraph.split(/\s+/).filter((one) => one !== "")) {
      const last = lines.length - 1;
      const isEmpty = lines[last].length === indent.length;
      if (!isEmpty && lines[last].length + word.length + 1 > columns) lines.push(indent + word);
      else lines[last] += isEmpty ? word : ` ${word}`;
    }
    return lines;
  });
}
