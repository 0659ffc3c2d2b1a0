import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { crc32, crc32c, maskedCrc32c } from "./crc.ts";

const bytes = (from: (i: number) => number) => Uint8Array.from({ length: 32 }, (_, i) => from(i));
const text = (text: string) => new TextEncoder().encode(text);

describe("crc32c", () => {
  // RFC 3720, B.4.
  const vectors: [name: string, data: Uint8Array, sum: number][] = [
    ["32 zeros", bytes(() => 0), 0x8a9136aa],
    ["32 ones", bytes(() => 255), 0x62a8ab43],
    ["32 ascending bytes", bytes((i) => i), 0x46dd794e],
    ["32 descending bytes", bytes((i) => 31 - i), 0x113fdb5c],
    [
      "a SCSI read command",
      Uint8Array.from(
        "01c00000000000000000000000000000140000000000040000000014000000182800000000000000020000000000000000"
          .match(/../g)!.slice(0, 48),
        (byte) => parseInt(byte, 16),
      ),
      0xd9963a56,
    ],
    ["no bytes", new Uint8Array(), 0],
  ];
  for (const [name, data, sum] of vectors) {
    it(`crc32c returns the checksum of the RFC for ${name}`, () => assert.equal(crc32c(data), sum));
  }

  it("crc32c returns the same as a bitwise computation for each length and start", () => {
    const data = Uint8Array.from({ length: 40 }, (_, i) => (i * 151 + 17) & 255);
    for (let start = 0; start < 10; start++) {
      for (let end = start; end <= data.length; end++) {
        let sum = 0xffffffff;
        for (const byte of data.subarray(start, end)) {
          sum ^= byte;
          for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0x82f63b78 : 0);
        }
        assert.equal(crc32c(data, start, end), ~sum >>> 0, `${start} to ${end}`);
      }
    }
  });

  it("crc32c of long data equals that of its parts, at every alignment", () => {
    const data = Uint8Array.from({ length: 4200 }, (_, i) => (i * i * 151 + 17) & 255);
    for (let offset = 0; offset < 4; offset++) {
      const view = data.subarray(offset);
      for (const [start, end] of [[0, 1024], [1, 1026], [2, 4100], [3, 4196], [7, 2048]]) {
        let sum = 0;
        for (let at = start; at < end; at += 40) {
          sum = crc32c(view, at, Math.min(at + 40, end), sum);
        }
        assert.equal(crc32c(view, start, end), sum, `${offset}: ${start} to ${end}`);
      }
    }
  });
});

describe("maskedCrc32c", () => {
  it("maskedCrc32c returns the same as TensorFlow", () => {
    // Written by TensorBoard's record writer.
    assert.equal(maskedCrc32c(Uint8Array.of(24, 0, 0, 0, 0, 0, 0, 0)), 0x224b7fa3);
    assert.equal(maskedCrc32c(new Uint8Array()), 0xa282ead8);
  });
});

describe("crc32", () => {
  it("crc32 returns the checksum of PNG", () => {
    assert.equal(crc32(text("123456789")), 0xcbf43926);
    assert.equal(crc32(text("IEND")), 0xae426082);
  });
});
