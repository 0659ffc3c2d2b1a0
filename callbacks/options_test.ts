import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EarlyStopping, ModelCheckpoint, TensorBoard } from "keepfit";
import { oneOf, wordOrBatches } from "./options.ts";
import { heard } from "./fixtures.ts";

describe("Options of a callback", () => {
  it("Options of a callback must be an object, so that a path or a key in their place fails immediately", () => {
    assert.throws(() => new TensorBoard("logs" as never), {
      name: "TypeError",
      message: 'Cannot create TensorBoard with options "logs": options must be an object',
    });
    assert.throws(() => new EarlyStopping("val_loss" as never), /options must be an object/);
    assert.throws(() => new ModelCheckpoint("best", "val_loss" as never), TypeError);
  });

  it("Options of a callback cause a warning with the nearest name if they are unknown", async () => {
    const { warned } = await heard(() => new EarlyStopping({ restore_best_weight: true } as never));
    assert.deepEqual(warned, [
      "keepfit: EarlyStopping has no option 'restore_best_weight', which is ignored: " +
      "did you mean 'restoreBestWeights'?",
    ]);
  });

  it("Options of a callback name the allowed words in errors", () => {
    assert.equal(oneOf("a", "b").wanted, '"a" or "b"');
    assert.equal(oneOf("a", "b", "c").wanted, '"a", "b" or "c"');
    assert.equal(wordOrBatches("a").wanted, '"a" or a whole number of batches above 0');
  });
});
