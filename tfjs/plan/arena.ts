import type { Block } from "./graph.ts";
import type { PlanMemory } from "./memory.ts";

/** Values in a SIMD vector. Blocks are padded to a multiple of it. */
const lanes = 4;

/** Allocates the blocks of a plan as one piece of memory. */
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
   * Reserve memory for batches of up to `rows` rows.
   *
   * @returns whether the addresses have changed
   */
  reserve(rows: number): boolean {
    if (rows <= this.#rows) return false;
    this.free();
    const reserved = this.#blocks.filter(({ isReserved }) => isReserved);
    const bytesOf = ({ size, isPerRow }: Block) =>
      Math.ceil(size * (isPerRow ? rows : 1) / lanes) * lanes * 4;
    this.#address = this.#memory.allocate(reserved.reduce((sum, block) => sum + bytesOf(block), 0));
    this.#rows = rows;
    let address = this.#address;
    for (const block of reserved) {
      block.arenaAddress = block.address = address;
      address += bytesOf(block);
    }
    const { buffer } = this.#memory.floats();
    for (const { constants, address } of reserved) {
      if (constants !== undefined) new Int32Array(buffer, address, constants.length).set(constants);
    }
    return true;
  }

  /** Force the next {@linkcode reserve} to allocate, because a block was reserved since. */
  invalidate(): void {
    this.#rows = 0;
  }

  /** Free the memory. */
  free(): void {
    if (this.#address !== 0) this.#memory.free(this.#address);
    this.#address = this.#rows = 0;
  }
}
