import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inflateSync } from "node:zlib";
import { memoryFileSystem } from "../runtime/mod.ts";
import type { FileSystem } from "../runtime/types.ts";
import type { ImageLike } from "./image.ts";
import type { SummaryEvent } from "./read_events.ts";
import { SummaryWriter } from "./summary_writer.ts";
import { eventsIn } from "./fixtures.ts";

describe("SummaryWriter with invalid data", () => {
  const fs = memoryFileSystem();
  const writer = new SummaryWriter("/refused", { fs });
  const pixels = new Uint8Array(12);
  const refused: [string, () => void, RegExp][] = [
    ["a negative time", () => new SummaryWriter("a", { fs, flushMillis: -1 }), /flushMillis -1/],
    ["a negative size", () => new SummaryWriter("a", { fs, maxPendingBytes: -1 }), /Bytes -1/],
    ["a fractional step", () => writer.scalar("loss", 1, 0.5), /'loss' at step 0.5/],
    ["a step that is too large", () => writer.text("a", "b", 2 ** 53), /must be a safe integer/],
    ["no buckets", () => writer.histogram("h", [1], 0, { buckets: 0 }), /with buckets 0/],
    ["one threshold", () => writer.prCurve("p", [1], [1], 0, { thresholds: 1 }), /thresholds 1/],
    ["predictions without labels", () => writer.prCurve("p", [1], [1, 0], 0), /1 labels and 2 pre/],
    [
      "weights for only some predictions",
      () => writer.prCurve("p", [1, 1], [1, 0], 0, { weights: [1] }),
      /2 labels and 1 weights/,
    ],
    [
      "a table with rows of different length",
      () => writer.text("t", [["a"], ["b", "c"]], 0),
      /rows of 1 and 2 texts/,
    ],
    ["no image", () => writer.image("i", [], 0), /of 0 images/],
    [
      "an image without pixels",
      () => writer.image("i", { width: 0, height: 2, channels: 1, data: new Uint8Array() }, 0),
      /0 x 2 pixels/,
    ],
    [
      "an image with pixels of another size",
      () => writer.image("i", { width: 2, height: 3, channels: 3, data: pixels }, 0),
      /with 12 values: there must be 18/,
    ],
    [
      "images of two sizes",
      () =>
        writer.image("i", [
          { width: 4, height: 3, channels: 1, data: pixels },
          { width: 3, height: 4, channels: 1, data: pixels },
        ], 0),
      /4 x 3 and 3 x 4/,
    ],
    [
      "an image with two channels",
      () => writer.image("i", { width: 2, height: 3, channels: 2 as 1, data: pixels }, 0),
      /with 2 channels/,
    ],
    [
      "a tensor of another shape",
      () => writer.tensor("t", { dtype: "int32", shape: [2], values: [1] }, 0, { plugin: "p" }),
      /shape \[2\] with 1 values/,
    ],
    [
      "a tensor of an unknown type",
      () =>
        writer.tensor("t", { dtype: "half" as "bool", shape: [1], values: [1] }, 0, {
          plugin: "p",
        }),
      /dtype half: dtype must be one of/,
    ],
  ];
  for (const [what, write, message] of refused) {
    it(`SummaryWriter rejects ${what}`, () =>
      assert.throws(write, { name: "RangeError", message }));
  }

  it("SummaryWriter rejects a hyperparameter that is not a string, number or boolean", () => {
    assert.throws(
      () => writer.hparams({ layers: [1, 2] as unknown as string }, { metrics: [] }),
      { name: "TypeError", message: /hyperparameter layers of type object/ },
    );
  });

  it("SummaryWriter rejects values that are not numbers, and names the tag", () => {
    const wrong: [write: () => void, message: string][] = [
      [() => writer.scalar("loss", null as never, 0), "expected a number, got null"],
      [() => writer.scalar("loss", undefined as never, 0), "expected a number, got undefined"],
      [() => writer.scalar("loss", "0.5" as never, 0), 'expected a number, got "0.5"'],
      [
        () => writer.scalar("loss", Promise.resolve(1) as never, 0),
        "expected a number, got a promise; await it first",
      ],
      [
        () => writer.scalar("loss", tf.tensor([1, 2]) as never, 0),
        "expected a number, got a tensor of 2 values",
      ],
      [() => writer.histogram("loss", 5 as never, 0), "expected an array of numbers, got 5"],
      [
        () => writer.histogram("loss", [1, null] as never, 0),
        "expected an array of numbers, got null at index 1",
      ],
      [
        () => writer.prCurve("loss", [1], ["0.5"] as never, 0),
        'expected an array of numbers, got "0.5" at index 0',
      ],
      [
        () => writer.text("loss", 5 as never, 0),
        "expected a text, a list or a table of texts, got 5",
      ],
      [
        () => writer.image("loss", undefined as never, 0),
        "expected an image or a list of images, got undefined",
      ],
    ];
    for (const [write, message] of wrong) {
      assert.throws(write, new TypeError(`Cannot write 'loss': ${message}`));
    }
    assert.throws(
      () =>
        writer.tensor("t", { dtype: "int32", shape: [1], values: [null as never] }, 0, {
          plugin: "p",
        }),
      new TypeError("Cannot write a tensor of dtype int32: expected numbers, got null at index 0"),
    );
  });

  it("SummaryWriter rejects summaries after close", async () => {
    await writer.close();
    assert.throws(
      () => writer.scalar("loss", 1, 1),
      { name: "TypeError", message: "Cannot write to /refused: the writer is closed" },
    );
  });

  it("SummaryWriter leaves no trace of a rejected summary", async () => {
    await writer.close();
    assert.deepEqual(await fs.readDir("/"), []);
  });
});

describe("SummaryWriter keeping data", () => {
  /** The single event that `write` writes. */
  async function event(write: (writer: SummaryWriter) => void): Promise<SummaryEvent> {
    const fs = memoryFileSystem();
    const writer = new SummaryWriter("/logs", { fs, now: () => 5000 });
    write(writer);
    await writer.close();
    const [[found]] = await eventsIn(fs);
    return found;
  }

  it("SummaryWriter keeps the number of a scalar tensor or a boolean, and the values of a tensor", async () => {
    for (const [value, number] of [[tf.scalar(2), 2], [tf.tensor([[3]]), 3], [true, 1]] as const) {
      const { summaries } = await event((writer) => writer.scalar("loss", value as never, 0));
      assert.deepEqual(summaries[0].tensor?.values, [number]);
    }
    const given = await event((writer) => writer.histogram("h", [1, 2, 2], 0, { buckets: 3 }));
    const read = await event((writer) =>
      writer.histogram("h", tf.tensor([1, 2, 2]) as never, 0, { buckets: 3 })
    );
    assert.deepEqual(read.summaries, given.summaries);
  });

  it("SummaryWriter keeps the time of a summary in milliseconds", async () => {
    const wallTime = 1_795_421_234_849.125;
    assert.equal((await event((writer) => writer.scalar("a", 1, 1))).wallTime, 5000);
    const found = await event((writer) => writer.scalar("a", 1, 1, { wallTime }));
    assert.equal(found.wallTime, wallTime);
  });

  it("SummaryWriter keeps the metadata of a tensor for custom plugins", async () => {
    const { summaries: [found] } = await event((writer) =>
      writer.tensor("a", { dtype: "uint8", shape: [1], values: [300] }, 1, {
        plugin: "mine",
        content: "é",
        displayName: "A",
        description: "a *letter*",
        dataClass: "blob-sequence",
      })
    );
    assert.deepEqual(found, {
      tag: "a",
      plugin: "mine",
      content: new TextEncoder().encode("é"),
      displayName: "A",
      description: "a *letter*",
      dataClass: "blob-sequence",
      tensor: { dtype: "uint8", shape: [1], values: [44] },
    });
  });

  it("SummaryWriter writes floats of an image as clipped bytes", async () => {
    const data = Float32Array.of(-1, 0, 0.5, 0.999, 1, 2, NaN);
    const { summaries: [{ tensor }] } = await event((writer) =>
      writer.image("a", { width: 7, height: 1, channels: 1, data }, 1)
    );
    const [width, height, png] = tensor?.values as Uint8Array[];
    const text = new TextDecoder();
    assert.deepEqual([text.decode(width), text.decode(height)], ["7", "1"]);
    // The data of IDAT follows 8 + 25 + 8 bytes and precedes 4 + 12 bytes.
    const [filter, ...row] = inflateSync(png.subarray(41, -16));
    assert.deepEqual([filter, ...row], [0, 0, 0, 127, 255, 255, 255, 0]);
  });

  it("SummaryWriter treats sessions with the same hyperparameters as one trial, in any order", async () => {
    const one = await event((writer) => writer.hparams({ a: 1, b: "x" }));
    const same = await event((writer) => writer.hparams({ b: "x", a: 1 }));
    const other = await event((writer) => writer.hparams({ b: "x", a: 2 }));
    assert.deepEqual(same, one);
    assert.notDeepEqual(other.summaries[0].content, one.summaries[0].content);
    assert.equal(one.summaries[0].tag, "_hparams_/session_start_info");
  });

  it("SummaryWriter records the end of a session", async () => {
    const status = async (how?: "success" | "failure") =>
      (await event((writer) => writer.hparamsEnd(how))).summaries[0].content[3];
    assert.deepEqual([await status(), await status("success"), await status("failure")], [1, 1, 2]);
  });

  it("SummaryWriter writes images before the next write where the runtime has no zlib", async () => {
    const pixels = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const image: ImageLike = { width: 2, height: 1, channels: 3, data: pixels };
    const [fs, expectedFs] = [memoryFileSystem(), memoryFileSystem()];
    const writer = new SummaryWriter("logs", { fs, now: () => 1000 });
    const expected = new SummaryWriter("logs", { fs: expectedFs, now: () => 1000 });
    expected.image("i", [image, image], 3);
    await expected.close();

    const { process } = globalThis;
    try {
      Reflect.set(globalThis, "process", undefined);
      writer.image("i", [image, image], 3);
      assert.throws(() => writer.image("i", { ...image, width: 3 }, 3), RangeError);
    } finally {
      Reflect.set(globalThis, "process", process);
    }
    pixels.fill(0);
    await writer.close();
    const imagesIn = async (fs: FileSystem) =>
      (await eventsIn(fs, "logs")).flat().flatMap(({ step, wallTime, summaries }) =>
        summaries.flatMap(({ tag, tensor }) => {
          const [width, height, ...pngs] = tensor?.values ?? [];
          return [
            tag,
            step,
            wallTime,
            width,
            height,
            ...pngs.map((png) => inflateSync((png as Uint8Array).subarray(41, -16))),
          ];
        })
      );
    assert.deepEqual(await imagesIn(fs), await imagesIn(expectedFs));
    try {
      Reflect.set(globalThis, "process", undefined);
      assert.throws(() => writer.image("i", image, 4), /the writer is closed/);
    } finally {
      Reflect.set(globalThis, "process", process);
    }
  });
});
