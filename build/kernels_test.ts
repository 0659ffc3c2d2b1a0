import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { kernelsHash } from "../tfjs/plan/kernels.generated.ts";
import { compileKernels, hasCompiler, kernelsFile, sourceHash } from "./kernels.ts";
import { root } from "./package.ts";

describe("The kernels of compiled steps", () => {
  it("The kernels of compiled steps match the committed sources", () => {
    const command = "npm ci --prefix build/assemblyscript && node --import tsx build/kernels.ts";
    assert.equal(kernelsHash, sourceHash(), `${kernelsFile} is stale: ${command}`);
  });

  const skip = hasCompiler ? false : "needs npm ci --prefix build/assemblyscript";
  it("The kernels of compiled steps equal the bytes of the compiler", { skip }, () => {
    assert.equal(readFileSync(root + kernelsFile, "utf8"), compileKernels());
  });
});
