import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRandom, isLong } from "../seeded.ts";
import { damageFiles } from "./damage.ts";
import { kinds } from "./kinds.ts";

describe("A run of which a file was damaged while it was interrupted", () => {
  for (
    const name of [
      "saved after each epoch",
      "saved after each batch, with lines of batches",
      "whose files are written in the background",
      "with averages of the weights",
    ]
  ) {
    it(`is never silently another one: a run ${name}`, async () => {
      const results = await damageFiles(kinds[name], isLong ? 250 : 12, createRandom(20261129));
      assert.deepEqual(results.filter(({ outcome }) => outcome === "silent"), []);
    });
  }
});
