import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { memoryFileSystem } from "../runtime/mod.ts";
import { crc32c, maskedCrc32c } from "./crc.ts";
import { readEvents } from "./read_events.ts";
import { SummaryWriter } from "./summary_writer.ts";

/** A file with a header and three scalars. */
async function file(): Promise<Uint8Array> {
  const fs = memoryFileSystem();
  const writer = new SummaryWriter("/logs", { fs });
  for (let step = 1; step <= 3; step++) writer.scalar("loss", step, step);
  await writer.close();
  const [{ name }] = await fs.readDir("/logs");
  return fs.readFile(`/logs/${name}`);
}

/** A file with one event that consists of these bytes. */
function record(event: number[]): Uint8Array {
  const bytes = new Uint8Array(event.length + 16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, event.length, true);
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true);
  bytes.set(event, 12);
  view.setUint32(event.length + 12, maskedCrc32c(Uint8Array.from(event)), true);
  return bytes;
}

describe("readEvents", () => {
  it("readEvents reads a whole file to its end", async () => {
    const events = readEvents(await file());
    assert.deepEqual(events.map(({ step }) => step), [0, 1, 2, 3]);
    assert.equal(events.truncatedAt, undefined);
    assert.equal(readEvents(new Uint8Array()).truncatedAt, undefined);
  });

  it("readEvents reads the complete events of a truncated file, and reports where the incomplete one begins", async () => {
    const whole = await file();
    const steps = readEvents(whole);
    // The end of each event: until the file reaches it, that event is not read.
    let count = 0;
    let end = 0;
    for (let length = 0; length < whole.length; length++) {
      const events = readEvents(whole.subarray(0, length));
      if (events.length > count) [count, end] = [events.length, length];
      assert.deepEqual([...events], steps.slice(0, count));
      assert.equal(events.truncatedAt, length === end ? undefined : end);
    }
    assert.equal(count, 3);
  });

  it("readEvents reads bytes that begin within a buffer", async () => {
    const whole = await file();
    const larger = new Uint8Array(whole.length + 10);
    larger.set(whole, 7);
    assert.equal(readEvents(larger.subarray(7, whole.length + 7)).length, 4);
  });

  it("readEvents rejects a file in which any byte was changed", async () => {
    const whole = await file();
    for (let at = 0; at < whole.length; at++) {
      const changed = whole.slice();
      changed[at] ^= 16;
      assert.throws(
        () => readEvents(changed),
        /^SyntaxError: Cannot read events: the checksum at byte \d+ is not that of bytes \d+ to \d+/,
        `byte ${at}`,
      );
    }
  });

  it("readEvents rejects an event that is not a message, even with a correct checksum", () => {
    const malformed: [number[], RegExp][] = [
      [[0x09, 1, 2, 3], /at byte 0: expected a complete field/],
      [[0x2a, 5, 1], /expected a complete field/],
      [[0x10], /expected a complete integer/],
      [[0x10, 1, 0x0b], /at byte 2: expected a known field type/],
      [[0x10, ...new Array(11).fill(255)], /expected a complete integer/],
    ];
    for (const [event, message] of malformed) {
      assert.throws(() => readEvents(record(event)), { name: "SyntaxError", message });
    }
  });

  it("readEvents fails with a SyntaxError for any damaged payload with a correct checksum", async () => {
    const whole = await file();
    const view = new DataView(whole.buffer, whole.byteOffset);
    let refused = 0;
    for (let at = 0; at < whole.length;) {
      const event = [...whole.subarray(at + 12, at + 12 + view.getUint32(at, true))];
      for (const [i] of event.entries()) {
        for (const byte of [0, 1, 8, 9, 13, 18, 66, 127, 255]) {
          try {
            readEvents(record(event.with(i, byte)));
            readEvents(record(event.slice(0, i)));
          } catch (error) {
            assert.ok(error instanceof SyntaxError, String(error));
            refused++;
          }
        }
      }
      at += event.length + 16;
    }
    assert.ok(refused > 100);
    // A wall time of three bytes, and a simple value of one.
    assert.throws(() => readEvents(record([10, 3, 1, 2, 3])), /8 bytes of a double, not 3/);
    assert.throws(() => readEvents(record([42, 5, 10, 3, 18, 1, 0])), /4 bytes of a float, not 1/);
  });

  it("readEvents skips unknown fields", () => {
    const [event] = readEvents(record([0xa2, 0x06, 2, 1, 1, 0x10, 7, 0x98, 0x06, 0xff, 0x7f]));
    assert.deepEqual(event, { wallTime: 0, step: 7, summaries: [] });
  });

  it("readEvents reads unpacked integers, and accepts the checksum of nothing", () => {
    assert.equal(crc32c(new Uint8Array()), 0);
    // Summary { value { tensor { dtype: DT_INT32, int_val: 5, int_val: 6 } } }
    const tensor = [0x08, 3, 0x38, 5, 0x38, 6];
    const value = [0x42, tensor.length, ...tensor];
    const [event] = readEvents(record([0x2a, value.length + 2, 0x0a, value.length, ...value]));
    assert.deepEqual(event.summaries[0].tensor, { dtype: "int32", shape: [], values: [5, 6] });
  });
});
