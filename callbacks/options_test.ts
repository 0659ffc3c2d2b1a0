import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EarlyStopping, ModelCheckpoint, TensorBoard } from "keepfit";
import { oneOf, wordOrBatches } from "./options.ts";
import { captured } from "./fixtures.ts";

describe("Options of a callback", () => {
  it("Options of a callback must be an object, so that a path or a key instead of them is rejected", () => {
    assert.throws(() => new TensorBoard("logs" as never), {
      name: "TypeError",
      message: 'Cannot create TensorBoard with options "logs": options must be an object',
    });
    assert.throws(() => new EarlyStopping("val_loss" as never), /options must be an object/);
    assert.throws(() => new ModelCheckpoint("best", "val_loss" as never), TypeError);
  });

  it("Options of a callback cause a warning with the nearest name if they are unknown", async () => {
    const { warned } = await captured(() =>
      new EarlyStopping({ restore_best_weight: true } as never)
    );
    assert.deepEqual(warned, [
      "keepfit: EarlyStopping has no option 'restore_best_weight', which is ignored: " +
      "did you mean 'restoreBestWeights'?",
    ]);
  });

  it("Options of a callback name the allowed words in errors", () => {
    assert.equal(oneOf("a", "b").expected, '"a" or "b"');
    assert.equal(oneOf("a", "b", "c").expected, '"a", "b" or "c"');
    assert.equal(wordOrBatches("a").expected, '"a" or a whole number of batches above 0');
  });
});
