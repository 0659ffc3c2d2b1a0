import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findStalePins } from "./pins.ts";

describe("The hashes of the example plugins", () => {
  it("The hashes of the example plugins match their files, in manifests, programs and pages; `npm run pins` writes them", async () => {
    const stale = (await findStalePins()).map(({ file, of }) => `${file}: hash of ${of}`);
    assert.deepEqual(stale, []);
  });
});
