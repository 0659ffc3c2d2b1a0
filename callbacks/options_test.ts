import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EarlyStopping, ModelCheckpoint, TensorBoard } from "keepfit";
import { oneOf, wordOrBatches } from "./options.ts";
import { heard } from "./fixtures.ts";

describe("the options of a callback", () => {
  it("must be an object, so that a path or a key in their place fails at once", () => {
    assert.throws(() => new TensorBoard("logs" as never), {
      name: "TypeError",
      message: 'Cannot create TensorBoard with options "logs": options must be an object',
    });
    assert.throws(() => new EarlyStopping("val_loss" as never), /options must be an object/);
    assert.throws(() => new ModelCheckpoint("best", "val_loss" as never), TypeError);
  });

  it("are warned about when their name is not known, with the nearest that is", async () => {
    const { warned } = await heard(() => new EarlyStopping({ restore_best_weight: true } as never));
    assert.deepEqual(warned, [
      "keepfit: EarlyStopping has no option 'restore_best_weight', it is ignored: " +
      "did you mean 'restoreBestWeights'?",
    ]);
  });

  it("say which words they may be", () => {
    assert.equal(oneOf("a", "b").wanted, '"a" or "b"');
    assert.equal(oneOf("a", "b", "c").wanted, '"a", "b" or "c"');
    assert.equal(wordOrBatches("a").wanted, '"a" or a whole number of batches above 0');
  });
});
