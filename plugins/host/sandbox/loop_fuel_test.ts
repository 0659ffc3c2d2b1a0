import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addLoopFuel, fuelExport } from "./loop_fuel.ts";

/**
 * Counts from 0 to its argument in a loop, and returns that. It has an imported global and one of
 * its own, and constants of each type that look like the beginning of a loop.
 */
const counting = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 9, 2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 0, 0], // types
  ...[2, 14, 2, 1, 0x61, 1, 0x66, 0, 1, 1, 0x61, 1, 0x67, 3, 0x7f, 0], // imports a.f and a.g
  ...[3, 2, 1, 0],
  ...[6, 6, 1, 0x7f, 1, 0x41, 7, 0x0b],
  ...[7, 9, 1, 5, 0x63, 0x6f, 0x75, 0x6e, 0x74, 0, 1], // exports count
  ...[10, 49, 1, 47, 1, 1, 0x7f], // a function with a local
  ...[0x03, 0x40, 0x44, 3, 3, 3, 3, 3, 3, 3, 3, 0x1a, 0x43, 3, 3, 3, 3, 0x1a, 0x42, 0x83, 0, 0x1a],
  ...[0x20, 1, 0x41, 1, 0x6a, 0x22, 1, 0x20, 0, 0x48, 0x04, 0x40, 0x0c, 1, 0x0b, 0x0b],
  ...[0x20, 1, 0x23, 1, 0x1a, 0x0b],
]);

type Instance = { count(to: number): number; fuel: WebAssembly.Global<"i32"> };

async function instantiate(code: Uint8Array<ArrayBuffer>): Promise<Instance> {
  const imports = { a: { f() {}, g: 3 } };
  const { instance } = await WebAssembly.instantiate(code, imports);
  return instance.exports as Instance;
}

describe("loops that burn fuel", () => {
  it("compute what they did while there is some", async () => {
    const plain = await instantiate(counting);
    const burning = await instantiate(addLoopFuel(counting));
    burning.fuel.value = 1000;
    assert.equal(plain.count(12), 12);
    assert.equal(burning.count(12), 12);
    assert.equal(burning[fuelExport].value, 1000 - 12);
  });

  it("trap when there is none, at first too, and go on with more", async () => {
    const { count, fuel } = await instantiate(addLoopFuel(counting));
    assert.throws(() => count(1), WebAssembly.RuntimeError);
    fuel.value = 10;
    assert.throws(() => count(1_000_000), WebAssembly.RuntimeError);
    assert.equal(fuel.value, 0);
    fuel.value = 10;
    assert.equal(count(10), 10);
  });

  it("are refused in code that is not known", () => {
    const simd = counting.slice();
    simd[simd.lastIndexOf(0x23)] = 0xfd;
    assert.throws(() => addLoopFuel(simd), /253 is not known/);
  });
});
