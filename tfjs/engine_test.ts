import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findEngine } from "./engine.ts";

describe("findEngine", () => {
  it("findEngine returns the engine of the user's TensorFlow.js", () => {
    assert.equal(findEngine<unknown>(), tf.engine());
    const before = findEngine()!.memory().numTensors;
    const left = tf.scalar(1);
    assert.equal(findEngine()!.memory().numTensors, before + 1);
    left.dispose();
  });

  it("findEngine returns undefined if TensorFlow.js was not imported", () => {
    const holder = globalThis as { _tfengine?: unknown };
    const kept = holder._tfengine;
    try {
      delete holder._tfengine;
      assert.equal(findEngine(), undefined);
    } finally {
      holder._tfengine = kept;
    }
  });
});
