import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Expression, type Formula, formulas } from "./formula.ts";
import { shaderOf, uniformsOf } from "./shader.ts";

// The results are tested in device_test.ts, which needs a driver.

describe("The shader of an update", () => {
  for (const [name, formula] of Object.entries(formulas) as [string, Formula][]) {
    it(`The shader of an update rounds after each operation of ${name}, which compilers may join`, () => {
      const count = (of: Expression): number => {
        if (typeof of === "string") return 0;
        const [operation, ...operands] = of;
        const isRounded = ["add", "sub", "mul", "div", "sqrt"].includes(operation);
        return (operands as Expression[]).map(count).reduce(
          (sum, one) => sum + one,
          isRounded ? 1 : 0,
        );
      };
      const operations = formula.steps.reduce((sum, [, value]) => sum + count(value), 0);
      const shader = shaderOf(formula, 2);
      // One more is its definition.
      assert.equal(shader.match(/\brounded\(/g)?.length, operations + 1);
    });
  }

  it("The shader of an update binds the arrays of each variable, the gradient read-only", () => {
    const bindings = shaderOf(formulas.momentum, 2).match(/@binding.*/g);
    assert.deepEqual(bindings, [
      "@binding(0) var<uniform> uniforms: Uniforms;",
      "@binding(1) var<storage, read_write> w0: array<f32>;",
      "@binding(2) var<storage, read_write> a0: array<f32>;",
      "@binding(3) var<storage, read> g0: array<f32>;",
      "@binding(4) var<storage, read_write> w1: array<f32>;",
      "@binding(5) var<storage, read_write> a1: array<f32>;",
      "@binding(6) var<storage, read> g1: array<f32>;",
    ]);
  });

  it("The shader of an update reads a zero and the scalars, padded to 16 bytes", () => {
    assert.deepEqual([...uniformsOf([1, 2, 3])], [0, 1, 2, 3]);
    assert.deepEqual([...uniformsOf([1, 2, 3, 4])], [0, 1, 2, 3, 4, 0, 0, 0]);
  });
});
