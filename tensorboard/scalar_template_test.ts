import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { memoryFileSystem } from "../runtime/mod.ts";
import { ProtobufWriter } from "./protobuf.ts";
import { readEvents } from "./read_events.ts";
import { ScalarTemplate } from "./scalar_template.ts";
import { writeSummary } from "./summary.ts";
import { SummaryWriter } from "./summary_writer.ts";

describe("ScalarTemplate", () => {
  it("ScalarTemplate writes the same bytes as a newly encoded summary", () => {
    for (const tag of ["", "loss", "verlust/größe", "t".repeat(127), "t".repeat(20_000)]) {
      const template = new ScalarTemplate(tag);
      for (const value of [0, -0, 1.25, -3.4e-38, 0.1, 1e300, NaN, Infinity, -Infinity]) {
        const [found, expected] = [new ProtobufWriter(), new ProtobufWriter()];
        template.write(found, value);
        const tensor = { dtype: "float32", shape: [], values: [value] } as const;
        expected.message(5, () => writeSummary(expected, { tag, plugin: "scalars", tensor }));
        assert.deepEqual(found.take(), expected.take(), `${tag.slice(0, 20)} ${value}`);
      }
    }
  });
});

describe("SummaryWriter.scalar", () => {
  it("SummaryWriter.scalar accepts more tags than it caches, each with its own value", async () => {
    const fs = memoryFileSystem();
    const writer = new SummaryWriter("/logs", { fs });
    for (let i = 0; i < 2500; i++) writer.scalar(`tag ${i % 1200}`, i, i);
    await writer.close();
    const [{ name }] = await fs.readDir("/logs");
    const [, ...events] = readEvents(await fs.readFile(`/logs/${name}`));
    assert.equal(events.length, 2500);
    for (const [i, { step, summaries: [{ tag, tensor }] }] of events.entries()) {
      assert.deepEqual([step, tag, tensor?.values], [i, `tag ${i % 1200}`, [i]]);
    }
  });
});
