import type { Block } from "./builder.ts";
import type { PlanMemory } from "./memory.ts";

/** Numbers of a vector: blocks are padded to whole ones. */
const lanes = 4;

/** Places the blocks of a plan in one piece of memory. */
export class Arena {
  readonly #memory: PlanMemory;
  readonly #blocks: readonly Block[];
  #address = 0;
  #rows = 0;

  constructor(memory: PlanMemory, blocks: readonly Block[]) {
    this.#memory = memory;
    this.#blocks = blocks;
  }

  /**
   * Make place for batches of so many rows.
   *
   * @returns whether addresses have changed
   */
  reserve(rows: number): boolean {
    if (rows <= this.#rows) return false;
    this.free();
    const used = this.#blocks.filter(({ isUsed }) => isUsed);
    const bytesOf = ({ size, isPerRow }: Block) =>
      Math.ceil(size * (isPerRow ? rows : 1) / lanes) * lanes * 4;
    this.#address = this.#memory.allocate(used.reduce((sum, block) => sum + bytesOf(block), 0));
    this.#rows = rows;
    let at = this.#address;
    for (const block of used) {
      block.home = block.at = at;
      at += bytesOf(block);
    }
    const { buffer } = this.#memory.floats();
    for (const { values, at } of used) {
      if (values !== undefined) new Int32Array(buffer, at, values.length).set(values);
    }
    return true;
  }

  /** Reserve anew before the next batch: a block has become used. */
  invalidate(): void {
    this.#rows = 0;
  }

  free(): void {
    if (this.#address !== 0) this.#memory.free(this.#address);
    this.#address = this.#rows = 0;
  }
}
