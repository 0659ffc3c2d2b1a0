/** Limits how many tasks run concurrently. Others wait in order. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /**
   * @param count number of concurrent tasks
   */
  constructor(count: number) {
    this.#free = count;
  }

  /** Run a task when a slot is free. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    // The slot is passed on directly, so that no other task takes it in between.
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
