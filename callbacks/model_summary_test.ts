import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Terminal } from "../runtime/types.ts";
import { ModelSummary, type ModelSummaryOptions } from "./model_summary.ts";
import { drive, losses } from "./fixtures.ts";

/** A model with a nested model, a frozen layer, and a partly trainable layer. */
function nestedModel() {
  const encoder = tf.sequential({
    name: "encoder",
    layers: [tf.layers.dense({ name: "inside", units: 8, inputShape: [5408] })],
  });
  const model = tf.sequential({
    name: "nested",
    layers: [
      tf.layers.conv2d({ name: "conv", filters: 32, kernelSize: 3, inputShape: [28, 28, 1] }),
      tf.layers.batchNormalization({ name: "a_normalization_with_a_long_name" }),
      tf.layers.maxPooling2d({ name: "pool", poolSize: 2 }),
      tf.layers.flatten({ name: "flatten_Flatten1" }),
      encoder,
      tf.layers.dense({ name: "frozen", units: 10, trainable: false }),
    ],
  });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  return model;
}

/** Output on a terminal of this width. */
async function printed(
  model: tf.LayersModel,
  columns: number | undefined,
  options: ModelSummaryOptions = {},
) {
  let text = "";
  const terminal: Terminal = {
    write: (part) => void (text += part),
    isInteractive: false,
    hasColors: false,
    columns,
  };
  const summary = new ModelSummary({ terminal, ...options });
  await drive(summary, losses(1), { model: model as never });
  assert.equal(summary.text, text);
  return text;
}

describe("ModelSummary", () => {
  it("ModelSummary prints outputs and parameters of each layer", async () => {
    assert.equal(
      await printed(nestedModel(), 120, { expandNested: true }),
      `Model: nested
┌───────────────────────────────────────────────────────┬────────────────────┬────────┬───────────┐
│ Layer                                                 │ Output shape       │ Params │ Trainable │
├───────────────────────────────────────────────────────┼────────────────────┼────────┼───────────┤
│ conv (Conv2D)                                         │ [null, 26, 26, 32] │    320 │       320 │
│ a_normalization_with_a_long_name (BatchNormalization) │ [null, 26, 26, 32] │    128 │        64 │
│ pool (MaxPooling2D)                                   │ [null, 13, 13, 32] │      0 │         – │
│ flatten_Flatten1                                      │ [null, 5408]       │      0 │         – │
│ encoder (Sequential)                                  │ [null, 8]          │ 43,272 │    43,272 │
│   inside (Dense)                                      │ [null, 8]          │ 43,272 │    43,272 │
│ frozen (Dense)                                        │ [null, 10]         │     90 │         0 │
└───────────────────────────────────────────────────────┴────────────────────┴────────┴───────────┘
Params: 43,810 (171 KB)
Trainable: 43,656
Not trainable: 154
`,
    );
  });

  it("ModelSummary shortens names on a narrow terminal, and keeps the shapes", async () => {
    assert.equal(
      await printed(nestedModel(), 60),
      `Model: nested
┌────────────────┬────────────────────┬────────┬───────────┐
│ Layer          │ Output shape       │ Params │ Trainable │
├────────────────┼────────────────────┼────────┼───────────┤
│ conv (Conv2D)  │ [null, 26, 26, 32] │    320 │       320 │
│ a_normalizati… │ [null, 26, 26, 32] │    128 │        64 │
│ pool (MaxPool… │ [null, 13, 13, 32] │      0 │         – │
│ flatten_Flatt… │ [null, 5408]       │      0 │         – │
│ encoder (Sequ… │ [null, 8]          │ 43,272 │    43,272 │
│ frozen (Dense) │ [null, 10]         │     90 │         0 │
└────────────────┴────────────────────┴────────┴───────────┘
Params: 43,810 (171 KB)
Trainable: 43,656
Not trainable: 154
`,
    );
  });

  it("ModelSummary is never wider than allowed", async () => {
    const widest = async (columns: number | undefined, options?: ModelSummaryOptions) =>
      Math.max(
        ...(await printed(nestedModel(), columns, options)).split("\n").map((line) => line.length),
      );
    assert.equal(await widest(40), 40);
    assert.equal(await widest(10), 40);
    assert.equal(await widest(undefined), 80);
    assert.equal(await widest(200, { columns: 70 }), 70);
  });

  it("ModelSummary counts a layer that is used twice once, and shows the shape of each output", async () => {
    const inputs = [tf.input({ shape: [4, 2] }), tf.input({ shape: [4, 2] })];
    const shared = tf.layers.lstm({ name: "shared", units: 3, returnState: true });
    const outputs = inputs.flatMap((input) => shared.apply(input) as tf.SymbolicTensor[]);
    const text = await printed(tf.model({ inputs, outputs }), 120);
    assert.match(text, /│ shared \(LSTM\) +│ \[null, 3\] \[null, 3\] \[null, 3\] │ +72 │ +72 │/);
    assert.match(text, /Params: 72 \(288 B\)/);

    const dense = tf.layers.dense({ name: "twice", units: 2 });
    const sides = [tf.input({ shape: [3, 4] }), tf.input({ shape: [4] })];
    const both = sides.map((side) => dense.apply(side) as tf.SymbolicTensor);
    assert.match(await printed(tf.model({ inputs: sides, outputs: both }), 120), /│ multiple +│/);
  });

  it("ModelSummary fails before the first batch when there are no layers", async () => {
    await assert.rejects(
      drive(new ModelSummary(), losses(1), { train: () => assert.fail("trained") }),
      /onTrainBegin.*the model must have layers/,
    );
    assert.throws(() => new ModelSummary({ columns: 39 }), RangeError);
    assert.throws(() => new ModelSummary({ expandNested: 1 as never }), TypeError);
  });
});
