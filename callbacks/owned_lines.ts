import { crc32c } from "../tensorboard/crc.ts";
import { missing } from "./log_columns.ts";

/** The lines of a file that belong to a run: their number, first and last line, and checksum. */
export class OwnedLines {
  /** Number of complete lines. */
  count = 0;
  /** First line with its line end; empty without one. */
  head = "";
  /** Last line. */
  tail = "";
  /** CRC-32C of all lines; undefined in states of earlier versions. */
  crc32c: number | undefined = 0;
  readonly #grow: boolean;

  /** @param grow whether columns may have been added to the lines */
  constructor(grow: boolean) {
    this.#grow = grow;
  }

  /** Forget all lines. */
  clear(): void {
    this.restore(0, "", "", 0);
  }

  /** Continue from the lines of an earlier process. */
  restore(count: number, head: string, tail: string, crc32c: number | undefined): void {
    this.count = count;
    this.head = head;
    this.tail = tail;
    this.crc32c = crc32c;
  }

  /**
   * Count the lines of a text that was appended.
   *
   * @param bytes the text in UTF-8. Default: encoded here
   */
  add(text: string, bytes: Uint8Array = encoder.encode(text)): void {
    if (text === "") return;
    const { crc32c: before } = this;
    if (before !== undefined) this.crc32c = crc32c(bytes, 0, bytes.length, before);
    // Most are one line.
    const lines = text.indexOf("\n") === text.length - 1 ? [text] : text.split(/(?<=\n)/);
    this.tail = lines[lines.length - 1];
    this.count += this.tail.endsWith("\n") ? lines.length : lines.length - 1;
    if (this.head === "") this.head = lines[0];
  }

  /**
   * Whether a text equals these lines, as far as known.
   *
   * @param text the same number of lines
   */
  areAll(text: string): boolean {
    const { crc32c, tail } = this;
    if (crc32c === undefined || !tail.endsWith("\n")) return true;
    const before = this.#withoutAdded(text);
    return before === undefined || checksum(before, 0) === crc32c;
  }

  /** The text without columns that were added since; undefined if these cannot be told apart. */
  #withoutAdded(text: string): string | undefined {
    const { head } = this;
    const end = head.slice(head.trimEnd().length);
    const [header, ...rows] = text.split(/(?<=\n)/);
    const added = header.trimEnd().slice(head.trimEnd().length);
    if (!this.#grow || added === "") return text;
    const [separator] = added;
    // A quoted name may contain the separator.
    if (added.includes('"')) return undefined;
    const cells = `${separator}${missing}`.repeat(added.split(separator).length - 1) + end;
    return head +
      rows.map((row) => row.endsWith(cells) ? row.slice(0, -cells.length) + end : row).join("");
  }

  /**
   * Whether a file starts with these lines, as far as it has them.
   *
   * @param text the whole file
   * @param whole its lines, without an incomplete last one
   */
  areIn(text: string, whole: readonly string[]): boolean {
    const grew = (line: string, before: string) =>
      this.#grow ? line.startsWith(before.trimEnd()) : line === before;
    // A run that had no lines when it was saved had an empty file.
    if (this.count === 0) return true;
    if (whole.length === 0) return this.head.startsWith(text) || this.#grow;
    if (!grew(whole[0], this.head)) return false;
    return whole.length < this.count || grew(whole[this.count - 1], this.tail);
  }
}

const encoder = new TextEncoder();

function checksum(text: string, before: number): number {
  const bytes = encoder.encode(text);
  return crc32c(bytes, 0, bytes.length, before);
}
