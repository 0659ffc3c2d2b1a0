import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { axisOf, backwardWindows } from "./windows.ts";

describe("backwardWindows", () => {
  it("backwardWindows reads no pixel outside of the gradient, and each inside of it once per weight", () => {
    for (
      const [input, size, stride, padding] of [[13, 3, 1, "valid"], [28, 3, 2, "same"]] as const
    ) {
      const axis = axisOf(input, size, stride, 1, padding);
      const { padded, phases } = backwardWindows([axis, axis]);
      assert.deepEqual(padded, { before: [0, 0], sizes: [axis.output, axis.output] });
      const pixels = phases.flatMap((phase) => phase.pixels);
      assert.equal(new Set(pixels).size, pixels.length);
      const read = new Map<number, number>();
      for (const { starts, taps } of phases) {
        for (const pixel of starts.flatMap((start) => taps.map((tap) => start + tap))) {
          read.set(pixel, (read.get(pixel) ?? 0) + 1);
        }
      }
      const counts = Array.from({ length: axis.output ** 2 }, (_, pixel) => read.get(pixel));
      assert.equal(read.size, axis.output ** 2);
      if (padding === "valid") assert.deepEqual(new Set(counts), new Set([size ** 2]));
    }
  });

  it("backwardWindows pads the gradient of a small image instead of dividing its pixels", () => {
    const axis = axisOf(5, 3, 1, 1, "valid");
    const { padded, phases } = backwardWindows([axis, axis]);
    assert.deepEqual(padded, { before: [2, 2], sizes: [7, 7] });
    assert.deepEqual(phases.map(({ pixels, taps }) => [pixels.length, taps.length]), [[25, 9]]);
  });
});
