import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { type Hash, leafHash, MerkleTree, verifyConsistency, verifyInclusion } from "./merkle.ts";

const largest = 64;
const entries = Array.from({ length: largest }, (_, i) => new TextEncoder().encode(`entry ${i}`));
const sha256 = (...parts: (Uint8Array | number[])[]): Uint8Array => {
  const hash = createHash("sha256");
  for (const one of parts) hash.update(new Uint8Array(one));
  return new Uint8Array(hash.digest());
};
const leaves = entries.map((one) => sha256([0], one));
const split = (n: number): number => {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
};

// The definitions of RFC 9162, 2.1, word for word.
const MTH = (all: Uint8Array[]): Uint8Array => {
  if (all.length === 0) return sha256([]);
  if (all.length === 1) return all[0];
  const k = split(all.length);
  return sha256([1], MTH(all.slice(0, k)), MTH(all.slice(k)));
};
const PATH = (m: number, all: Uint8Array[]): Uint8Array[] => {
  if (all.length === 1) return [];
  const k = split(all.length);
  return m < k
    ? [...PATH(m, all.slice(0, k)), MTH(all.slice(k))]
    : [...PATH(m - k, all.slice(k)), MTH(all.slice(0, k))];
};
const SUBPROOF = (m: number, all: Uint8Array[], whole: boolean): Uint8Array[] => {
  if (m === all.length) return whole ? [] : [MTH(all)];
  const k = split(all.length);
  return m <= k
    ? [...SUBPROOF(m, all.slice(0, k), whole), MTH(all.slice(k))]
    : [...SUBPROOF(m - k, all.slice(k), false), MTH(all.slice(0, k))];
};

async function treeOf(count: number): Promise<MerkleTree> {
  const tree = new MerkleTree();
  for (const one of entries.slice(0, count)) await tree.append(await leafHash(one));
  return tree;
}

/** Proofs that differ from a right one in one place. */
function* changed(proof: readonly Hash[]): Generator<Hash[]> {
  for (let i = 0; i < proof.length; i++) {
    yield proof.with(i, proof[i].map((byte, at) => at === 7 ? byte ^ 1 : byte) as Hash);
    yield proof.toSpliced(i, 1);
    yield proof.toSpliced(i, 0, proof[i]);
    if (i > 0) yield proof.with(i, proof[i - 1]).with(i - 1, proof[i]);
  }
  yield [...proof, sha256([]) as Hash];
}

describe("A Merkle tree", () => {
  it("A Merkle tree has the root of RFC 9162 for every size, and for every smaller one", async () => {
    const tree = await treeOf(largest);
    for (let size = 0; size <= largest; size++) {
      const expected = MTH(leaves.slice(0, size));
      assert.deepEqual(await tree.root(size), expected);
      assert.deepEqual(await (await treeOf(size)).root(), expected);
    }
  });

  it("A Merkle tree proves inclusion like RFC 9162, for every leaf of every size", async () => {
    const tree = await treeOf(largest);
    for (let size = 1; size <= largest; size++) {
      const root = await tree.root(size);
      for (let index = 0; index < size; index++) {
        const proof = await tree.inclusionProof(index, size);
        assert.deepEqual(proof, PATH(index, leaves.slice(0, size)));
        const leaf = leaves[index] as Hash;
        assert(await verifyInclusion(leaf, index, size, root, proof), `${index} of ${size}`);
      }
    }
  });

  it("A Merkle tree proves consistency like RFC 9162, for every pair of sizes", async () => {
    const tree = await treeOf(largest);
    for (let second = 1; second <= largest; second++) {
      const after = { size: second, root: await tree.root(second) };
      for (let first = 1; first <= second; first++) {
        const proof = await tree.consistencyProof(first, second);
        assert.deepEqual(proof, SUBPROOF(first, leaves.slice(0, second), true));
        const before = { size: first, root: await tree.root(first) };
        assert(await verifyConsistency(before, after, proof), `${first} of ${second}`);
      }
      assert.deepEqual(await tree.consistencyProof(0, second), []);
      assert(await verifyConsistency({ size: 0, root: await tree.root(0) }, after, []));
    }
  });

  it("A Merkle tree does not prove another leaf, index, size, root or proof", async () => {
    const tree = await treeOf(21);
    for (let size = 1; size <= 21; size++) {
      const root = await tree.root(size);
      for (let index = 0; index < size; index++) {
        const proof = await tree.inclusionProof(index, size);
        const leaf = leaves[index] as Hash;
        const other = leaves[(index + 1) % 21] as Hash;
        const name = `${index} of ${size}`;
        assert(!await verifyInclusion(other, index, size, root, proof), name);
        for (let at = -1; at <= size; at++) {
          if (at === index) continue;
          assert(!await verifyInclusion(leaf, at, size, root, proof), `${name} at ${at}`);
        }
        assert(!await verifyInclusion(leaf, index, size, other, proof), name);
        for (const wrong of changed(proof)) {
          assert(!await verifyInclusion(leaf, index, size, root, wrong), name);
        }
      }
    }
  });

  it("A Merkle tree does not prove that another tree is its beginning", async () => {
    const tree = await treeOf(21);
    const forked = new MerkleTree();
    for (let i = 0; i < 21; i++) await forked.append(leaves[i === 3 ? 40 : i] as Hash);
    for (let second = 2; second <= 21; second++) {
      const after = { size: second, root: await tree.root(second) };
      for (let first = 1; first < second; first++) {
        const proof = await tree.consistencyProof(first, second);
        const before = { size: first, root: await tree.root(first) };
        const name = `${first} of ${second}`;
        if (first > 3) {
          const other = { size: first, root: await forked.root(first) };
          assert(!await verifyConsistency(other, after, proof), name);
          assert(
            !await verifyConsistency(other, after, await forked.consistencyProof(first, second)),
          );
        }
        assert(!await verifyConsistency(after, before, proof), name);
        assert(!await verifyConsistency(before, { ...after, root: before.root }, proof), name);
        for (const wrong of changed(proof)) {
          assert(!await verifyConsistency(before, after, wrong), name);
        }
      }
    }
  });

  it("A Merkle tree refuses to prove what it does not contain", async () => {
    const tree = await treeOf(4);
    for (const [index, size] of [[4, 4], [-1, 4], [0, 5], [0, 0], [0.5, 4], [NaN, 4]]) {
      await assert.rejects(tree.inclusionProof(index, size), RangeError, `${index} of ${size}`);
    }
    for (const [first, second] of [[5, 4], [-1, 4], [1, 5], [1.5, 4], [1, NaN]]) {
      await assert.rejects(tree.consistencyProof(first, second), RangeError);
    }
  });
});
