import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instantiateKernels } from "./kernels.ts";

describe("The kernel transpose", () => {
  it("The kernel transpose moves every value, and writes nothing else, for every size", () => {
    const memory = new WebAssembly.Memory({ initial: 2 });
    const kernels = instantiateKernels(memory);
    const values = new Float32Array(memory.buffer);
    const [from, to] = [64, 16_384];
    const sizes = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 20, 33, 64];
    for (const rows of sizes) {
      for (const columns of sizes) {
        for (const width of [rows, rows + 3]) {
          values.fill(-1);
          for (let i = 0; i < rows * columns; i++) values[from + i] = i;
          const expected = values.slice();
          for (let row = 0; row < rows; row++) {
            for (let column = 0; column < columns; column++) {
              expected[to + column * width + row] = row * columns + column;
            }
          }
          kernels.transpose(rows, columns, from * 4, to * 4, width);
          assert.deepEqual(values, expected, `${rows} x ${columns}, width ${width}`);
        }
      }
    }
  });
});
