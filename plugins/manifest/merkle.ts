/** A hash of SHA-256, 32 bytes. */
export type Hash = Uint8Array<ArrayBuffer>;

/** The hash of a leaf, of the bytes of its entry. */
export function leafHash(bytes: Uint8Array): Promise<Hash> {
  return digest([0], bytes);
}

/**
 * An append-only Merkle tree of hashes, with proofs that an entry is in it and that a smaller tree
 * is its beginning. It stores the hashes of all complete subtrees, so that a proof computes at most
 * the square of the tree's depth in hashes.
 *
 * Source: RFC 9162, 2.1. Leaves are hashed after a byte 0, nodes after a byte 1.
 */
export class MerkleTree {
  /** By level, the hashes of the complete subtrees of 2^level leaves. */
  #levels: Hash[][] = [[]];

  /** Number of leaves. */
  get size(): number {
    return this.#levels[0].length;
  }

  /** Append a leaf, by its hash. One call at a time. */
  async append(leaf: Hash): Promise<void> {
    this.#levels[0].push(leaf);
    for (let level = 0; this.#levels[level].length % 2 === 0; level++) {
      const [left, right] = this.#levels[level].slice(-2);
      (this.#levels[level + 1] ??= []).push(await nodeHash(left, right));
    }
  }

  /**
   * The root of the first `size` leaves.
   *
   * @param size Default: all
   */
  async root(size: number = this.size): Promise<Hash> {
    this.#check(size);
    return size === 0 ? await digest([], new Uint8Array()) : await this.#range(0, size);
  }

  /** Proof that the leaf at `index` is among the first `size` leaves. */
  async inclusionProof(index: number, size: number = this.size): Promise<Hash[]> {
    this.#check(size, index + 1, 1);
    const proof: Hash[] = [];
    let [start, end] = [0, size];
    while (end - start > 1) {
      const middle = start + leftOf(end - start);
      if (index < middle) {
        proof.push(await this.#range(middle, end));
        end = middle;
      } else {
        proof.push(await this.#range(start, middle));
        start = middle;
      }
    }
    return proof.reverse();
  }

  /** Proof that the tree of the first `first` leaves is the beginning of that of `second` leaves. */
  async consistencyProof(first: number, second: number = this.size): Promise<Hash[]> {
    this.#check(second, first);
    if (first === 0) return [];
    const proof: Hash[] = [];
    let [start, end] = [0, second];
    while (end > first) {
      const middle = start + leftOf(end - start);
      if (first <= middle) {
        proof.push(await this.#range(middle, end));
        end = middle;
      } else {
        proof.push(await this.#range(start, middle));
        start = middle;
      }
    }
    // The verifier has the root of the smaller tree.
    if (start > 0) proof.push(await this.#range(start, end));
    return proof.reverse();
  }

  /** The hash over the leaves of a subtree. */
  async #range(start: number, end: number): Promise<Hash> {
    const level = Math.log2(end - start);
    if (Number.isInteger(level)) return this.#levels[level][start / (end - start)];
    const middle = start + leftOf(end - start);
    return await nodeHash(await this.#range(start, middle), await this.#range(middle, end));
  }

  #check(size: number, inside = 0, least = 0): void {
    const isFine = Number.isInteger(size) && size <= this.size && Number.isInteger(inside) &&
      inside >= least && inside <= size;
    if (isFine) return;
    throw new RangeError(
      `Cannot prove anything of ${inside} in ${size} leaves: the tree has ${this.size}`,
    );
  }
}

/** Whether a proof shows that the leaf at `index` is in the tree of this size and root. */
export async function verifyInclusion(
  leaf: Hash,
  index: number,
  size: number,
  root: Hash,
  proof: readonly Hash[],
): Promise<boolean> {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  let [node, last] = [index, size - 1];
  let hash = leaf;
  for (const one of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = await nodeHash(one, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash = await nodeHash(hash, one);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && isSame(hash, root);
}

/** A tree as described by its head. */
export interface TreeHead {
  /** Number of leaves. */
  size: number;
  root: Hash;
}

/** Whether a proof shows that the tree `first` is the beginning of the tree `second`. */
export async function verifyConsistency(
  first: TreeHead,
  second: TreeHead,
  proof: readonly Hash[],
): Promise<boolean> {
  if (!isCount(first.size) || !isCount(second.size) || first.size > second.size) return false;
  if (first.size === second.size) return proof.length === 0 && isSame(first.root, second.root);
  // The empty tree is the beginning of every tree.
  if (first.size === 0) return proof.length === 0;
  const isWhole = Number.isInteger(Math.log2(first.size));
  const [start, ...rest] = isWhole ? [first.root, ...proof] : proof;
  if (start === undefined) return false;
  let [node, last] = [first.size - 1, second.size - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  let [before, after] = [start, start];
  for (const one of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      before = await nodeHash(one, before);
      after = await nodeHash(one, after);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      after = await nodeHash(after, one);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && isSame(before, first.root) && isSame(after, second.root);
}

function nodeHash(left: Hash, right: Hash): Promise<Hash> {
  return digest([1], left, right);
}

async function digest(prefix: readonly number[], ...parts: Uint8Array[]): Promise<Hash> {
  const bytes = new Uint8Array(parts.reduce((sum, one) => sum + one.length, prefix.length));
  bytes.set(prefix);
  let at = prefix.length;
  for (const one of parts) {
    bytes.set(one, at);
    at += one.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** Leaves of the left subtree: the largest power of two below `count`. */
function leftOf(count: number): number {
  return 2 ** (Math.ceil(Math.log2(count)) - 1);
}

function half(count: number): number {
  return Math.floor(count / 2);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isSame(a: Hash, b: Hash): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
