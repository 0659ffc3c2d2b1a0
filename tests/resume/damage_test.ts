import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRandom, isLong } from "../seeded.ts";
import { damageFiles } from "./damage.ts";
import { kinds } from "./kinds.ts";

describe("A damaged run", () => {
  for (
    const name of [
      "saved after each epoch",
      "saved after each batch, with lines of batches",
      "whose files are written in the background",
      "with averages of the weights",
      "of an LSTM whose states outlive a batch",
      "with all callbacks that have a state",
    ]
  ) {
    it(`A damaged run never gives another result without a message: a run ${name}`, async () => {
      const results = await damageFiles(kinds[name], isLong ? 250 : 12, createRandom(20261129));
      assert.deepEqual(results.filter(({ outcome }) => outcome === "silent"), []);
    });
  }
});
