import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { describeBackend, getRuntime, useBackend } from "keepfit/runtime";

const { name, version } = getRuntime();

describe("describeBackend", () => {
  after(() => tf.setBackend("cpu"));

  it("describeBackend describes cpu, which lacks no kernels", async () => {
    await useBackend(tf, "cpu");
    assert.deepEqual(describeBackend(tf), {
      backend: "cpu",
      runtime: `${name} ${version}`,
      tfjs: "4.22.0",
      adapter: undefined,
      wasm: undefined,
      addedKernels: [],
      missingKernels: [],
      text: `cpu on ${name} ${version}, TensorFlow.js 4.22.0`,
    });
  });

  it("describeBackend describes wasm, with its added and missing kernels", async () => {
    await useBackend(tf, "wasm");
    const { wasm, addedKernels, missingKernels, text } = describeBackend(tf);
    assert.deepEqual(wasm, { simd: true, threads: 1 });
    assert.ok(addedKernels.includes("Conv2DBackpropFilter"));
    assert.ok(missingKernels.includes("FFT"));
    assert.deepEqual(missingKernels.filter((kernel) => addedKernels.includes(kernel)), []);
    const [first, second, added, missing] = text.split("\n");
    assert.match(first, /^wasm on /);
    assert.equal(second, "WebAssembly: SIMD, 1 thread");
    assert.equal(added, `added or fixed: ${addedKernels.join(", ")}`);
    assert.equal(missing, `missing: ${missingKernels.join(", ")}`);
  });
});
