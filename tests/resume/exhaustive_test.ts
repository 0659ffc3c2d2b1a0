import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isLong } from "../seeded.ts";
import { cutEverywhere } from "./exhaustive.ts";
import { kinds } from "./kinds.ts";

describe("A resumed run", () => {
  for (const [name, kind] of Object.entries(kinds)) {
    for (const losesUnsynced of [false, true]) {
      it(`A resumed run equals an uninterrupted one to the last byte after a ${losesUnsynced ? "power failure" : "kill"} at any change of a file: a run ${name}`, async () => {
        const options = { instants: isLong ? Infinity : 4, losesUnsynced };
        const { cuts, differences } = await cutEverywhere(kind, options);
        assert.deepEqual(differences, []);
        assert.ok(cuts > 0);
      });
    }
  }
});
