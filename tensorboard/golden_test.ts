import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { memoryFileSystem } from "../runtime/mod.ts";
import { projectorConfig } from "./projector.ts";
import { readEvents } from "./read_events.ts";
import { SummaryWriter } from "./summary_writer.ts";

// Made by TensorBoard's own code: tests/golden/make_events.py.
const golden = (file: string) =>
  new Uint8Array(readFileSync(new URL(`../tests/golden/events/${file}`, import.meta.url)));
const wallTime = 1_700_000_000_250;

/** The bytes of a file with these summaries. */
async function written(write: (writer: SummaryWriter) => void): Promise<Uint8Array> {
  const fs = memoryFileSystem();
  const writer = new SummaryWriter("/logs", { fs, now: () => wallTime });
  write(writer);
  await writer.close();
  const [{ name }] = await fs.readDir("/logs");
  return fs.readFile(`/logs/${name}`);
}

const files: Record<string, (writer: SummaryWriter) => void> = {
  scalars(writer) {
    writer.scalar("loss", 0.5, 0);
    writer.scalar("loss", 0.1, 1, { description: "the *loss*" });
    writer.scalar("loss", NaN, 300);
    writer.scalar("verlust/größe", -Infinity, 2 ** 53 - 1);
    writer.scalar("loss", 1e30, -1);
    writer.scalar("t".repeat(200), 3, 2 ** 32);
  },
  histograms(writer) {
    const values = Array.from({ length: 500 }, (_, i) => ((i * 37) % 101) / 8 - 6);
    writer.histogram("kernel", values, 1);
    writer.histogram("kernel", values, 2, { buckets: 7 });
    writer.histogram("equal", [0.25, 0.25, 0.25, 0.25, 0.25], 1);
    writer.histogram("empty", [], 1);
    writer.histogram("one", [3.5], 1, { buckets: 1 });
  },
  texts(writer) {
    writer.text("text", "with **dropout** – é", 0);
    writer.text("text", ["one", "two"], 1);
    writer.text("text", [["a", "b"], ["c", "d"], ["e", ""]], 2);
  },
  tensors(writer) {
    const options = { plugin: "mine", content: Uint8Array.of(0, 255) };
    const tensors = [
      { dtype: "int32", shape: [2, 2], values: [1, -2, 3, 4] },
      { dtype: "int32", shape: [], values: [-5] },
      { dtype: "int64", shape: [2], values: [1n, 2n ** 60n] },
      { dtype: "int64", shape: [], values: [-(2 ** 40)] },
      { dtype: "uint8", shape: [2], values: Uint8Array.of(200, 7) },
      { dtype: "bool", shape: [3], values: [true, false, true] },
      { dtype: "bool", shape: [], values: [1] },
      { dtype: "float64", shape: [], values: [1.5] },
      { dtype: "float64", shape: [0], values: [] },
      { dtype: "float32", shape: [1, 1, 1], values: [1.5] },
    ] as const;
    for (const [step, tensor] of tensors.entries()) writer.tensor("tensor", tensor, step, options);
    writer.kerasModel('{"class_name": "Sequential"}');
  },
  images(writer) {
    const values = ["2", "1", "PNG"];
    writer.tensor("image", { dtype: "string", shape: [3], values }, 4, { plugin: "images" });
  },
  hparams(writer) {
    writer.hparams({ lr: 0.5, units: 0, optimizer: "adam", dropout: false }, {
      trialId: "one",
      metrics: [
        { tag: "epoch_loss", group: "validation", displayName: "Loss" },
        { tag: "epoch_acc", description: "right" },
      ],
    });
    writer.hparamsEnd();
  },
  graphs(writer) {
    writer.graph({
      nodes: [
        {
          name: "x",
          op: "Placeholder",
          attributes: { dtype: { dtype: "float32" }, _output_shapes: { shapes: [[-1, 784]] } },
        },
        {
          name: "dense/MatMul",
          op: "MatMul",
          inputs: ["x", "^x"],
          device: "/CPU:0",
          attributes: {
            units: 10,
            rate: 0.5,
            flag: false,
            name: "dense",
            shape: { shape: [0] },
            any: { shape: null },
          },
        },
      ],
    });
  },
  pr_curves(writer) {
    const all = Array.from({ length: 40 }, (_, i) => i);
    const labels = all.map((i) => i % 3 === 0);
    const predictions = all.map((i) => ((i * 29) % 41) / 40);
    writer.prCurve("pr", labels, predictions, 0, { thresholds: 5 });
    writer.prCurve("pr", labels, predictions, 1, { weights: all.map((i) => 1 + i % 2) });
  },
  custom_scalars(writer) {
    writer.customScalars({
      categories: [
        {
          title: "losses",
          charts: [
            { title: "all", tags: ["loss", "val_.*"] },
            { title: "margin", margins: [{ value: "loss", lower: "low", upper: "high" }] },
          ],
        },
        { title: "more", charts: [], closed: true },
      ],
    });
  },
};

describe("SummaryWriter compared with TensorBoard", () => {
  for (const [name, write] of Object.entries(files)) {
    it(`SummaryWriter writes the same ${name}.tfevents as TensorBoard`, async () => {
      const expected = golden(`${name}.tfevents`);
      const found = await written(write);
      // Events are easier to compare by eye than bytes.
      assert.deepEqual(readEvents(found), readEvents(expected));
      assert.deepEqual(found, expected);
    });
  }

  it("SummaryWriter writes the same projector_config.pbtxt as TensorBoard", () => {
    const config = projectorConfig([
      { tensorName: "layer/embeddings", metadataPath: `it's "é"\\\t\n.tsv` },
      {
        tensorName: "words",
        tensorPath: "words.tsv",
        tensorShape: [10, 3],
        bookmarksPath: "marks.json",
        sprite: { imagePath: "sprite.png", width: 28, height: 14 },
      },
    ]);
    assert.equal(config, new TextDecoder().decode(golden("projector_config.pbtxt")));
  });
});

describe("readEvents", () => {
  it("readEvents reads time, kind and version", () => {
    const [header, ...events] = readEvents(golden("scalars.tfevents"));
    assert.deepEqual(header, {
      wallTime,
      step: 0,
      fileVersion: "brain.Event:2",
      writer: "keepfit",
      summaries: [],
    });
    assert.deepEqual(events.map(({ step }) => step), [0, 1, 300, 2 ** 53 - 1, -1, 2 ** 32]);
    assert.deepEqual(events.map(({ summaries: [{ tensor }] }) => tensor?.values[0]), [
      0.5,
      Math.fround(0.1),
      NaN,
      -Infinity,
      Math.fround(1e30),
      3,
    ]);
    const [{ tag, plugin, description }] = events[1].summaries;
    assert.deepEqual([tag, plugin, description], ["loss", "scalars", "the *loss*"]);
    assert.equal(events[3].summaries[0].tag, "verlust/größe");
  });

  it("readEvents reads tensors of each dtype", () => {
    const tensors = readEvents(golden("tensors.tfevents")).slice(1)
      .map(({ summaries: [{ tensor }] }) => tensor);
    assert.deepEqual(tensors.slice(0, 10), [
      { dtype: "int32", shape: [2, 2], values: [1, -2, 3, 4] },
      { dtype: "int32", shape: [], values: [-5] },
      { dtype: "int64", shape: [2], values: [1n, 2n ** 60n] },
      { dtype: "int64", shape: [], values: [-(2n ** 40n)] },
      { dtype: "uint8", shape: [2], values: [200, 7] },
      { dtype: "bool", shape: [3], values: [true, false, true] },
      { dtype: "bool", shape: [], values: [true] },
      { dtype: "float64", shape: [], values: [1.5] },
      { dtype: "float64", shape: [0], values: [] },
      { dtype: "float32", shape: [1, 1, 1], values: [1.5] },
    ]);
    const json = new TextEncoder().encode('{"class_name": "Sequential"}');
    assert.deepEqual(tensors[10], { dtype: "string", shape: [], values: [json] });
  });

  it("readEvents reads graphs, with attributes sorted by name", () => {
    const [, { graph }] = readEvents(golden("graphs.tfevents"));
    assert.deepEqual(
      graph?.nodes.map(({ name, op, inputs, device }) => [name, op, inputs, device]),
      [
        ["x", "Placeholder", [], ""],
        ["dense/MatMul", "MatMul", ["x", "^x"], "/CPU:0"],
      ],
    );
    assert.deepEqual(graph?.nodes.map(({ attributes }) => attributes), [
      { _output_shapes: { shapes: [[-1, 784]] }, dtype: { dtype: "float32" } },
      {
        any: { shape: null },
        flag: false,
        name: "dense",
        rate: 0.5,
        shape: { shape: [0] },
        units: 10,
      },
    ]);
  });

  it("readEvents reads the scalars of old files, and skips unknown data", () => {
    const [, loss, image, session, half] = readEvents(golden("old.tfevents"));
    assert.deepEqual(loss.summaries[0].tensor, { dtype: "float32", shape: [], values: [0.25] });
    assert.deepEqual(
      image.summaries.map(({ tag, tensor }) => ({ tag, tensor })),
      [{ tag: "image", tensor: undefined }],
    );
    assert.deepEqual([session.step, session.summaries], [3, []]);
    assert.deepEqual(half.summaries[0].tensor, { dtype: 19, shape: [2], values: [] });
  });
});
