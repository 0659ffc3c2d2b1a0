import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { type GPUAdapterLike, type GPULike, useBackend } from "keepfit/runtime";

// How it trains is in tests/journeys/webgpu_test.ts: that needs a driver.

/** A WebGPU with one adapter, on which every device fails. */
function gpuWith(info: GPUAdapterLike["info"]): GPULike {
  const adapter: GPUAdapterLike = {
    features: new Set(["timestamp-query"]),
    limits: { maxBufferSize: 1024 },
    info,
    requestDevice: ({ requiredFeatures, requiredLimits }) => {
      const wanted = JSON.stringify([requiredFeatures, requiredLimits]);
      return Promise.reject(new Error(`no device for ${wanted}`));
    },
  };
  return { requestAdapter: () => Promise.resolve(adapter) };
}

describe("WebGPU that does not work", () => {
  after(() => tf.setBackend("cpu"));

  const failures: [why: string, choice: "auto" | "webgpu", gpu: GPULike, reason: RegExp][] = [
    [
      "there is no adapter",
      "webgpu",
      { requestAdapter: () => Promise.resolve(null) },
      /^options\.gpu finds no adapter: .*driver/,
    ],
    [
      "asking for an adapter fails",
      "webgpu",
      { requestAdapter: () => Promise.reject(new Error("no GPU process")) },
      /^no GPU process$/,
    ],
    [
      "the adapter gives no device",
      "webgpu",
      gpuWith({ isFallbackAdapter: true }),
      /^no device for \[\["timestamp-query"\],\{"maxBufferSize":1024\}\]$/,
    ],
    [
      "the adapter calls itself software, in auto",
      "auto",
      gpuWith({ description: "a processor", isFallbackAdapter: true }),
      /^its adapter is software \(a processor\), slower than wasm; request "webgpu"/,
    ],
    [
      "the adapter's name is one of software, in auto",
      "auto",
      gpuWith({ description: "llvmpipe (LLVM 15)" }),
      /^its adapter is software \(llvmpipe \(LLVM 15\)\)/,
    ],
  ];
  for (const [why, choice, gpu, reason] of failures) {
    const isAuto = choice === "auto";
    it(`WebGPU is ${isAuto ? "replaced by wasm" : "an error by its name"} when ${why}`, async () => {
      const navigator = (globalThis as { navigator?: { gpu?: unknown } }).navigator;
      const own = navigator?.gpu;
      await useBackend(tf, "wasm");
      if (isAuto) {
        const { backend, reasons } = await useBackend(tf, choice, { gpu });
        assert.equal(backend, "wasm");
        assert.deepEqual(reasons.map(({ backend }) => backend), ["webgpu"]);
        assert.match(reasons[0].reason, reason);
      } else {
        await assert.rejects(useBackend(tf, choice, { gpu }), ({ message, cause }: Error) => {
          assert.match(
            message,
            /^Cannot use backend webgpu: .*; useBackend\(tf\) takes the fastest/,
          );
          assert.match((cause as Error).message, reason);
          return true;
        });
      }
      assert.equal(tf.getBackend(), "wasm");
      // Or else tfjs would start it by itself.
      assert.equal(tf.findBackendFactory("webgpu"), null);
      assert.equal(navigator?.gpu, own);
    });
  }
});
