import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inflateSync } from "node:zlib";
import { findDeflate } from "./deflate.ts";

describe("findDeflate", () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 7);

  it("findDeflate returns a function where the runtime has zlib", () => {
    const deflate = findDeflate();
    assert(typeof deflate === "function");
    const packed = deflate(bytes);
    assert(packed.length < bytes.length / 50);
    assert.deepEqual(new Uint8Array(inflateSync(packed)), bytes);
  });

  it("findDeflate loads fflate where the runtime has no zlib", async () => {
    const { process } = globalThis;
    let deflate: ReturnType<typeof findDeflate>;
    try {
      Reflect.set(globalThis, "process", undefined);
      deflate = findDeflate();
    } finally {
      Reflect.set(globalThis, "process", process);
    }
    assert(deflate instanceof Promise);
    const packed = (await deflate)(bytes);
    assert(packed.length < bytes.length / 50);
    assert.deepEqual(new Uint8Array(inflateSync(packed)), bytes);
  });
});
