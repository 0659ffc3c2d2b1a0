import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addLoopFuel } from "./loop_fuel.ts";

/**
 * A module that counts from 0 to its argument in a loop and returns it. It has an imported clock,
 * an imported and a local global, and constants of each type that look like the start of a loop.
 */
const counting = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 10, 2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 0, 1, 0x7c], // types
  ...[2, 14, 2, 1, 0x61, 1, 0x66, 0, 1, 1, 0x61, 1, 0x67, 3, 0x7f, 0], // imports a.f and a.g
  ...[3, 2, 1, 0, 5, 3, 1, 0, 1],
  ...[6, 6, 1, 0x7f, 1, 0x41, 7, 0x0b],
  ...[7, 9, 1, 5, 0x63, 0x6f, 0x75, 0x6e, 0x74, 0, 1], // exports count
  ...[10, 49, 1, 47, 1, 1, 0x7f], // a function with a local
  ...[0x03, 0x40, 0x44, 3, 3, 3, 3, 3, 3, 3, 3, 0x1a, 0x43, 3, 3, 3, 3, 0x1a, 0x42, 0x83, 0, 0x1a],
  ...[0x20, 1, 0x41, 1, 0x6a, 0x22, 1, 0x20, 0, 0x48, 0x04, 0x40, 0x0c, 1, 0x0b, 0x0b],
  ...[0x20, 1, 0x23, 1, 0x1a, 0x0b],
]);

/** A module that moves n bytes: `copy` from 0 to 1, `fill` at 0. */
const moving = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 9, 2, 0x60, 1, 0x7f, 0, 0x60, 0, 1, 0x7c],
  ...[2, 7, 1, 1, 0x61, 1, 0x66, 0, 1],
  ...[3, 3, 2, 0, 0, 5, 3, 1, 0, 16, 6, 6, 1, 0x7f, 1, 0x41, 7, 0x0b],
  ...[7, 19, 3, 4, 0x63, 0x6f, 0x70, 0x79, 0, 1, 4, 0x66, 0x69, 0x6c, 0x6c, 0, 2, 1, 0x6d, 2, 0],
  ...[10, 27, 2, 12, 0, 0x41, 1, 0x41, 0, 0x20, 0, 0xfc, 10, 0, 0, 0x0b],
  ...[12, 0, 0x41, 0, 0x41, 5, 0x20, 0, 0xfc, 11, 0, 0x01, 0x0b],
]);

interface Instance {
  count(to: number): number;
  copy(bytes: number): void;
  fill(bytes: number): void;
  m: WebAssembly.Memory;
  fuel: WebAssembly.Global<"i32">;
}

/** Start a module with a host that refills the fuel `times` times. */
async function start(
  code: Uint8Array,
  refill = 0,
  times = Infinity,
): Promise<Instance & { looks: () => number }> {
  let looks = 0;
  const fueled = addLoopFuel(code);
  assert.deepEqual(fueled.clock, { module: "a", name: "f" });
  const f = () => {
    if (++looks > times) throw new RangeError("no more time");
    instance.fuel.value = refill;
    return 0;
  };
  const found = await WebAssembly.instantiate(fueled.code, { a: { f, g: 3 } });
  const instance = found.instance.exports as unknown as Instance;
  return { ...instance, looks: () => looks };
}

describe("Loops that burn fuel", () => {
  it("Loops that burn fuel compute the same, burn one unit per turn, and start full", async () => {
    const { count, fuel, looks } = await start(counting);
    assert.equal(fuel.value, 2 ** 31 - 1);
    fuel.value = 1000;
    assert.equal(count(12), 12);
    assert.equal(fuel.value, 1000 - 12);
    assert.equal(looks(), 0);
  });

  it("Loops that burn fuel call the host when fuel is used up, which lets them continue or ends them", async () => {
    const going = await start(counting, 10);
    going.fuel.value = 0;
    assert.equal(going.count(25), 25);
    assert.equal(going.looks(), 3);
    const { count, fuel } = await start(counting, 10, 2);
    fuel.value = 5;
    assert.throws(() => count(1_000_000), /no more time/);
    assert.equal(fuel.value, 0);
    fuel.value = 30;
    assert.equal(count(10), 10);
  });

  it("Loops that burn fuel include moves of bytes, which cost one unit per 64", async () => {
    const { copy, fill, m, fuel, looks } = await start(moving, 7, 2);
    const bytes = new Uint8Array(m.buffer);
    bytes[0] = 9;
    fuel.value = 100;
    copy(6400 - 64);
    assert.equal(fuel.value, 1);
    assert.equal(bytes[1], 9);
    fill(128);
    assert.equal(looks(), 1);
    assert.deepEqual([fuel.value, bytes[127], bytes[128]], [7, 5, 0]);
    copy(640);
    assert.throws(() => fill(640), /no more time/);
  });

  it("Loops that burn fuel are rejected in unknown code, or without a clock", () => {
    const simd = counting.slice();
    simd[simd.lastIndexOf(0x23)] = 0xfd;
    assert.throws(() => addLoopFuel(simd), /253 is not known/);
    const timeless = counting.slice();
    timeless[timeless.indexOf(0x7c)] = 0x7d;
    assert.throws(() => addLoopFuel(timeless), /does not import a clock/);
  });
});
