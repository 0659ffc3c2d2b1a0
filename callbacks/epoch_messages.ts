/**
 * Holds back the messages of a callback at the end of an epoch until the progress bar has ended its
 * line.
 */
export class EpochMessages {
  #held: string[] | undefined;

  /** Hold back messages until {@linkcode release}. */
  hold(): void {
    this.#held = [];
  }

  /** Print a message, or hold it back. */
  print(message: string): void {
    if (this.#held === undefined) console.log(`\n${message}`);
    else this.#held.push(message);
  }

  /** Print the held messages. */
  release(): void {
    for (const message of this.#held ?? []) console.log(message);
    this.drop();
  }

  /** Discard the held messages, because the epoch has failed. */
  drop(): void {
    this.#held = undefined;
  }
}
