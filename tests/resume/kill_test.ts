import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isLong } from "../seeded.ts";
import { killRuns } from "./kill.ts";

describe("A training process that is killed", () => {
  it("makes the same when it is started again", async () => {
    const kills = isLong ? 30 : 2;
    const kind = { saveFreq: 2, model: "dropout", background: true } as const;
    const report = await killRuns(kind, kills, 20261129);
    assert.deepEqual(report.differences, []);
    assert.equal(report.kills, kills);
  });
});
