import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { crc32c } from "./crc.ts";
import { longCrc32c } from "./long_crc.ts";

const data = Uint8Array.from({ length: 700_007 }, (_, i) => Math.imul(i, 2654435761) >>> 24);

/** The checksum of short parts, which is never computed in WebAssembly. */
function ofParts(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 1000) {
    sum = crc32c(bytes, at, Math.min(at + 1000, bytes.length), sum);
  }
  return sum;
}

/** A WebAssembly that compiles only if it is allowed, and counts what it has compiled. */
class CountingModule extends WebAssembly.Module {
  static compiled = 0;
  static isAllowed = false;
  constructor(code: BufferSource) {
    if (!CountingModule.isAllowed) throw new WebAssembly.CompileError("it is disallowed");
    super(code);
    CountingModule.compiled++;
  }
}

/** A new copy of the module, for which it is decided again whether it uses WebAssembly. */
async function withWebAssembly(
  value: unknown,
  call: (sum: typeof longCrc32c) => void,
): Promise<void> {
  const { longCrc32c } = await import(`./long_crc.ts?copy=${crypto.randomUUID()}`);
  const { WebAssembly } = globalThis;
  try {
    Reflect.set(globalThis, "WebAssembly", value);
    call(longCrc32c);
  } finally {
    Reflect.set(globalThis, "WebAssembly", WebAssembly);
  }
}

const { Memory, Instance, CompileError } = WebAssembly;
const counting = { Memory, Instance, CompileError, Module: CountingModule };

describe("longCrc32c", () => {
  it("longCrc32c returns the same as crc32c for each length and alignment", () => {
    for (const length of [0, 31, 1000, 262_143, 262_144, 262_175, 294_912, 294_913, 700_000]) {
      for (const start of [0, 1, 2, 3, 7]) {
        const bytes = data.subarray(start, start + length);
        assert.equal(longCrc32c(bytes), ofParts(bytes), `${length} bytes from ${start}`);
      }
    }
  });

  it("longCrc32c continues from the checksum of the preceding data", () => {
    const [first, second] = [data.subarray(0, 300_001), data.subarray(300_001)];
    assert.equal(longCrc32c(second, longCrc32c(first)), ofParts(data));
  });

  it("longCrc32c compiles WebAssembly once, for long data only", async () => {
    CountingModule.isAllowed = true;
    CountingModule.compiled = 0;
    await withWebAssembly(counting, (sum) => {
      sum(data.subarray(0, 1000));
      assert.equal(CountingModule.compiled, 0);
      for (let i = 0; i < 3; i++) assert.equal(sum(data), ofParts(data));
      assert.equal(CountingModule.compiled, 1);
    });
  });

  it("longCrc32c returns the same where WebAssembly is missing or forbidden", async () => {
    CountingModule.isAllowed = false;
    for (const value of [undefined, counting]) {
      await withWebAssembly(value, (sum) => assert.equal(sum(data), ofParts(data)));
    }
  });
});
