/** The visible content of a terminal. */
export class Screen {
  readonly columns: number;
  /** Text of each cell; the second cell of a wide character is empty. */
  #rows: string[][] = [[]];
  #row = 0;
  #column = 0;

  /** @param columns number of cells in a row */
  constructor(columns: number) {
    this.columns = columns;
  }

  /** The rows without trailing blanks. */
  get rows(): string[] {
    return this.#rows.map((cells) => Array.from(cells, (cell = " ") => cell).join("").trimEnd());
  }

  /** 0-based row of the cursor. */
  get row(): number {
    return this.#row;
  }

  /** Show text as xterm does: the next character after a full row begins a new row. */
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

/**
 * Width of a character in cells. Covers the characters that tests show: combining marks, CJK and
 * emoji.
 */
function cellsOf(character: string): 0 | 1 | 2 {
  const code = character.codePointAt(0) as number;
  if ((code >= 0x300 && code < 0x370) || code === 0x200d) return 0;
  const isWide = (code >= 0x1100 && code < 0x1160) || (code >= 0x2e80 && code < 0xd7a4) ||
    (code >= 0xff01 && code < 0xff61) || code >= 0x1f300;
  return isWide ? 2 : 1;
}
