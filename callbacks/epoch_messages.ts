/** Messages that a callback has at the end of an epoch, held until the progress bar has ended its line. */
export class EpochMessages {
  #held: string[] | undefined;

  /** Hold what is printed until {@linkcode release}. */
  hold(): void {
    this.#held = [];
  }

  /** Print a message, or hold it. */
  print(message: string): void {
    if (this.#held === undefined) console.log(`\n${message}`);
    else this.#held.push(message);
  }

  /** Print what is held. */
  release(): void {
    for (const message of this.#held ?? []) console.log(message);
    this.drop();
  }

  /** Forget what is held: the epoch has failed. */
  drop(): void {
    this.#held = undefined;
  }
}
