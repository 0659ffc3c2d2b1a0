import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Block } from "./graph.ts";
import { instantiateKernels } from "./kernels.ts";

describe("A block", () => {
  it("A block without memory makes kernels fail, at its begin and behind", () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const kernels = instantiateKernels(memory);
    const { address } = new Block(4, true);
    for (const at of [address, address + 4 * 1024 ** 2]) {
      assert.throws(() => kernels.zero(4, at), WebAssembly.RuntimeError);
      assert.throws(() => kernels.copy(4, at, 0), WebAssembly.RuntimeError);
    }
  });
});
