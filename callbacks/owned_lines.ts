/** The lines of a file that belong to a run: how many, the first, and the last. */
export class OwnedLines {
  /** Whole lines. */
  count = 0;
  /** The first line with its end; empty while there is none. */
  head = "";
  /** The last line. */
  tail = "";
  readonly #grow: boolean;

  /** @param grow whether lines may have grown since, by more columns */
  constructor(grow: boolean) {
    this.#grow = grow;
  }

  /** Forget all lines. */
  clear(): void {
    this.restore(0, "", "");
  }

  /** Continue from the lines of an earlier process. */
  restore(count: number, head: string, tail: string): void {
    this.count = count;
    this.head = head;
    this.tail = tail;
  }

  /** Count the lines of a text that was appended. */
  add(text: string): void {
    if (text === "") return;
    const lines = text.split(/(?<=\n)/);
    this.count += lines.filter((line) => line.endsWith("\n")).length;
    if (this.head === "") this.head = lines[0];
    this.tail = lines[lines.length - 1];
  }

  /**
   * Whether a file begins with these lines, as far as it goes.
   *
   * @param text the whole file
   * @param whole its lines, without an unfinished last one
   */
  areIn(text: string, whole: readonly string[]): boolean {
    const grew = (line: string, before: string) =>
      this.#grow ? line.startsWith(before.trimEnd()) : line === before;
    // A run that had no line when it was saved began with an empty file.
    if (this.count === 0) return true;
    if (whole.length === 0) return this.head.startsWith(text) || this.#grow;
    if (!grew(whole[0], this.head)) return false;
    return whole.length < this.count || grew(whole[this.count - 1], this.tail);
  }
}
