import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { layerPlanners } from "./mod.ts";

describe("layerPlanners", () => {
  it("layerPlanners has the layers that docs/compiled_steps.md lists", async () => {
    const page = await readFile(
      new URL("../../../docs/compiled_steps.md", import.meta.url),
      "utf8",
    );
    const [, table] = /\| kind .*\n\|[ -|]*\n((?:\|.*\n)+)/.exec(page)!;
    const listed = table.trim().split("\n").flatMap((row) => row.split("|")[2].trim().split(", "));
    assert.deepEqual(listed.toSorted(), Object.keys(layerPlanners).toSorted());
  });
});
