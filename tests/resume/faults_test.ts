import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isLong } from "../seeded.ts";
import { failEverywhere, type Fault } from "./faults.ts";
import { kinds } from "./kinds.ts";

const faults: Record<string, Fault> = {
  "the disk is full": { code: "ENOSPC", lasts: true },
  "the disk fails once": { code: "EIO", lasts: false },
  "the permission is lost": { code: "EACCES", lasts: true },
};

describe("A run whose files cannot be written", () => {
  for (
    const name of [
      "saved after each epoch",
      "whose files are written in the background",
      "with all callbacks that have a state",
    ]
  ) {
    for (const [what, fault] of Object.entries(faults)) {
      it(`A run whose files cannot be written reports it, and has the same result when it is started again, if ${what} at any change of a file: a run ${name}`, async () => {
        const instants = isLong ? Infinity : 4;
        const { cuts, differences } = await failEverywhere(kinds[name], fault, { instants });
        assert.deepEqual(differences, []);
        assert.ok(cuts > 0);
      });
    }
  }
});
