/** What a person sees of the text that is written to a terminal. */
export class Screen {
  readonly columns: number;
  /** One text a cell; the second cell of a wide character is empty. */
  #rows: string[][] = [[]];
  #row = 0;
  #column = 0;

  /** @param columns cells of a row */
  constructor(columns: number) {
    this.columns = columns;
  }

  /** The rows without the blanks at their end. */
  get rows(): string[] {
    return this.#rows.map((cells) => Array.from(cells, (cell = " ") => cell).join("").trimEnd());
  }

  /** Row of the cursor, from 0. */
  get row(): number {
    return this.#row;
  }

  /** Show text as xterm does: a row that is full goes on in the next one with the next character. */
  write(text: string): void {
    // deno-lint-ignore no-control-regex
    for (const piece of text.match(/\x1b\[[\d;]*m|[^]/gu) ?? []) {
      if (piece === "\r") this.#column = 0;
      else if (piece === "\n") this.#goTo(this.#row + 1);
      else if (piece < " " && !piece.endsWith("m")) throw new Error(`Cannot show ${piece}`);
      else if (piece >= " ") this.#put(piece);
    }
  }

  #goTo(row: number): void {
    this.#row = row;
    this.#column = 0;
    this.#rows[row] ??= [];
  }

  #put(character: string): void {
    const cells = cellsOf(character);
    if (cells === 0) return;
    if (this.#column + cells > this.columns) this.#goTo(this.#row + 1);
    const row = this.#rows[this.#row];
    row[this.#column++] = character;
    if (cells === 2) row[this.#column++] = "";
  }
}

/** Of the characters that tests show: combining marks, CJK and emoji by their blocks. */
function cellsOf(character: string): 0 | 1 | 2 {
  const code = character.codePointAt(0) as number;
  if ((code >= 0x300 && code < 0x370) || code === 0x200d) return 0;
  const isWide = (code >= 0x1100 && code < 0x1160) || (code >= 0x2e80 && code < 0xd7a4) ||
    (code >= 0xff01 && code < 0xff61) || code >= 0x1f300;
  return isWide ? 2 : 1;
}
