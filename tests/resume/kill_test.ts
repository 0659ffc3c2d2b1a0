import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { getRuntime } from "keepfit/runtime";
import { isLong } from "../seeded.ts";
import { killRuns, meanOf } from "./kill.ts";
import { kinds } from "./kinds.ts";

/** Each runtime tests a third of the kinds, unless the tests may take long. */
const share = ["node", "bun", "deno"].indexOf(getRuntime().name);
const some = Object.values(kinds).filter((_, i) => isLong || i % 3 === share);

describe("A killed training process", () => {
  it("A killed training process has the same result after it is restarted", async () => {
    const kills = isLong ? 10 * some.length : 30;
    const { lost, differences, ...report } = await killRuns(some, kills, 20261129);
    const mean = meanOf(lost).toFixed(1);
    console.log(
      `${JSON.stringify(report)}, batches lost: mean ${mean}, maximum ${Math.max(...lost)}`,
    );
    assert.deepEqual(differences, []);
    assert.equal(report.kills, kills);
  });
});
