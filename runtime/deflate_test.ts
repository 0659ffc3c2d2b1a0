import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inflateSync } from "node:zlib";
import { deflate } from "./deflate.ts";

/** Pseudo-random bytes below `values`, the same in each run. */
function noise(length: number, values: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    return (state >>> 16) % values;
  });
}

/** Compressed as where the runtime has no zlib. */
function deflateAlone(bytes: Uint8Array): Uint8Array {
  const { process } = globalThis;
  try {
    Reflect.set(globalThis, "process", undefined);
    return deflate(bytes);
  } finally {
    Reflect.set(globalThis, "process", process);
  }
}

const inflate = (bytes: Uint8Array) => new Uint8Array(inflateSync(bytes));

describe("deflate", () => {
  const samples: [name: string, bytes: Uint8Array][] = [
    ["no bytes", new Uint8Array()],
    ["one byte", Uint8Array.of(200)],
    ["bytes of all values", noise(100_000, 256)],
    ["bytes of two values", noise(100_000, 2)],
    ["equal bytes", new Uint8Array(100_000)],
    ["a repetition from far away", Uint8Array.of(...noise(32_768, 256), ...noise(300, 256))],
    ["a repetition from too far away", Uint8Array.of(...noise(32_769, 256), ...noise(300, 256))],
    // Each length from 3 to 300, each time after other distances.
    [
      "repetitions of every length",
      Uint8Array.from(
        Array.from({ length: 298 }, (_, i) => [...noise(i + 3, 256), i & 255]).flat(),
      ),
    ],
  ];
  for (const [name, bytes] of samples) {
    it(`deflate compresses ${name} so that zlib reads them`, () => {
      assert.deepEqual(inflate(deflate(bytes)), bytes);
    });

    it(`deflate compresses ${name} without the runtime's zlib`, () => {
      assert.deepEqual(inflate(deflateAlone(bytes)), bytes);
    });
  }

  it("deflate without the runtime's zlib shortens an image of few colours by a factor of 50", () => {
    const row = Array.from({ length: 900 }, (_, i) => [250, 120, 40][i % 3] - (i > 450 ? 30 : 0));
    const image = Uint8Array.from(Array.from({ length: 300 }, () => row).flat());
    assert.ok(deflateAlone(image).length < image.length / 50);
    assert.ok(deflate(image).length < image.length / 50);
    assert.notDeepEqual(deflateAlone(image), deflate(image));
  });
});
