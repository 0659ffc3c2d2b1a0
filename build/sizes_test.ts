import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { committedSizes, measureSizes } from "./sizes.ts";

describe("what an import costs", () => {
  it("is at most 5 % more than committed: `npm run sizes` accepts what has grown", async () => {
    const committed = committedSizes();
    const sizes = await measureSizes();
    assert.deepEqual(Object.keys(sizes), Object.keys(committed));
    const grown = Object.entries(sizes)
      .filter(([name, { modules, bytes }]) =>
        modules > Math.ceil(committed[name].modules * 1.05) || bytes > committed[name].bytes * 1.05
      )
      .map(([name, { modules, bytes }]) => `${name}: ${modules} modules, ${bytes} bytes`);
    assert.deepEqual(grown, []);
  });

  it("is for the front door's fit without plugins, progress bar and checkpoints", async () => {
    const sizes = await measureSizes();
    assert.ok(sizes["{ EarlyStopping, fit }"].bytes < sizes["."].bytes / 4);
    assert.ok(sizes["./callbacks/csv_logger"].modules < 30);
  });
});
