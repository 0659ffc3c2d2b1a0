import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { memoryFileSystem } from "../runtime/mod.ts";
import { intactEvents } from "./intact_events.ts";
import { readEvents, SummaryWriter } from "./mod.ts";

const fs = memoryFileSystem();
const writer = new SummaryWriter("logs", { fs });
for (let step = 1; step <= 4; step++) writer.scalar("loss", step / 8, step);
await writer.close();
const [{ name }] = await fs.readDir("logs");
const whole = await fs.readFile(`logs/${name}`);
const steps = (parts: Uint8Array[]) =>
  parts.flatMap((part) => readEvents(part).map(({ step }) => step));

describe("intactEvents", () => {
  it("intactEvents returns a whole file as it is, and an empty one without parts", () => {
    assert.deepEqual(intactEvents(whole), { parts: [whole], damagedAt: undefined });
    assert.deepEqual(intactEvents(new Uint8Array()), { parts: [], damagedAt: undefined });
  });

  it("intactEvents leaves out the event of which any bit was flipped, and no other", () => {
    for (let at = 0; at < whole.length; at++) {
      const bytes = whole.slice();
      bytes[at] ^= 1 << at % 8;
      const { parts, damagedAt } = intactEvents(bytes);
      const found = steps(parts);
      assert.equal(found.length, 4, `byte ${at}`);
      assert.ok(damagedAt !== undefined && damagedAt <= at && at < damagedAt + 200);
      assert.deepEqual([0, 1, 2, 3, 4].filter((step) => found.includes(step)), found);
    }
  });

  it("intactEvents leaves out an incomplete last event", () => {
    const { parts, damagedAt } = intactEvents(whole.subarray(0, -1));
    assert.deepEqual(steps(parts), [0, 1, 2, 3]);
    assert.equal(damagedAt, parts[0].length);
  });
});
