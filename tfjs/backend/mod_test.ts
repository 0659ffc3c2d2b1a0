import * as tf from "@tensorflow/tfjs";
import { after, describe, it } from "node:test";
import assert from "node:assert/strict";
import { warned } from "../../core/fixtures.ts";
import { startChild } from "../../tests/child.ts";
import { registerTrainingKernels } from "keepfit/backend/kernels";
import { type BackendChoice, describeBackend, useBackend } from "keepfit/runtime";

/** A TensorFlow.js whose wasm cannot multiply. */
function wrongOnWasm(): typeof tf {
  const matMul = () => tf.tensor1d(tf.getBackend() === "wasm" ? [0] : [19, 22, 43, 50]);
  return { ...tf, matMul: matMul as unknown as typeof tf.matMul };
}

describe("useBackend", () => {
  after(() => tf.setBackend("cpu"));

  it("useBackend sets cpu", async () => {
    assert.deepEqual(await useBackend(tf, "cpu"), { backend: "cpu", reasons: [] });
    assert.equal(tf.getBackend(), "cpu");
  });

  it("useBackend fails with the reason when a backend requested by name cannot be set", async () => {
    const broken = {
      ...tf,
      setBackend: (name: string) => name === "wasm" ? Promise.resolve(false) : tf.setBackend(name),
    };
    await assert.rejects(
      useBackend(broken, "wasm"),
      /^Error: Cannot use backend wasm: tf\.setBackend\("wasm"\) returned false: .*; useBackend\(tf\) takes the fastest/,
    );
    assert.equal(tf.getBackend(), "cpu");
  });

  it("useBackend fails when wasm, requested by name, computes wrong values, and leaves cpu set", async () => {
    const { numTensors } = tf.memory();
    await assert.rejects(
      useBackend(wrongOnWasm(), "wasm"),
      /wasm: it computes a wrong product: 0;/,
    );
    assert.equal(tf.getBackend(), "cpu");
    assert.equal(tf.memory().numTensors, numTensors);
  });

  it("useBackend falls back to cpu in auto, and warns once per reason", async () => {
    const gpu = { requestAdapter: () => Promise.resolve(null) };
    const messages = await warned(async () => {
      for (let turn = 0; turn < 2; turn++) {
        const { backend, reasons } = await useBackend(wrongOnWasm(), "auto", { gpu });
        assert.equal(backend, "cpu");
        assert.equal(tf.getBackend(), "cpu");
        assert.deepEqual(reasons[1], { backend: "wasm", reason: "it computes a wrong product: 0" });
      }
    });
    assert.equal(messages.length, 1);
    assert.match(
      messages[0],
      /^keepfit: .*computes on cpu, .*: it computes a wrong product: 0; .*"cpu"/,
    );
  });

  it("useBackend prints nothing when cpu is requested, or wasm is available", async () => {
    const messages = await warned(async () => {
      await useBackend(tf, "cpu");
      await useBackend(tf, "auto", { gpu: { requestAdapter: () => Promise.resolve(null) } });
    });
    assert.equal(tf.getBackend(), "wasm");
    assert.deepEqual(messages, []);
  });

  it("useBackend sets wasm when requested, and trains on it", async () => {
    const { numTensors } = tf.memory();
    assert.deepEqual(await useBackend(tf, "wasm"), { backend: "wasm", reasons: [] });
    assert.equal(tf.getBackend(), "wasm");
    assert.equal(tf.memory().numTensors, numTensors);
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    model.compile({ loss: "meanSquaredError", optimizer: "sgd" });
    assert(Number.isFinite(await model.trainOnBatch(tf.ones([2, 1]), tf.ones([2, 1]))));
  });

  // In a separate process, because a test runner has such listeners too.
  it("useBackend leaves no process listener of the start of wasm", async () => {
    const { result } = startChild(`
      import * as tf from ${JSON.stringify(import.meta.resolve("@tensorflow/tfjs"))};
      import { useBackend } from "keepfit/runtime";
      const events = ["uncaughtException", "unhandledRejection"];
      const mine = () => {};
      for (const event of events) process.on(event, mine);
      const { backend } = await useBackend(tf, "wasm");
      for (const event of events) {
        const listeners = process.listeners(event);
        console.log(backend, listeners.length, listeners[0] === mine);
        process.off(event, mine);
      }
    `);
    const { stdout, stderr } = await result;
    assert(stdout.endsWith("wasm 1 true\nwasm 1 true\n"), stdout + stderr);
  });

  it("useBackend and its siblings reject anything but TensorFlow.js", async () => {
    const expected = /expected TensorFlow\.js as the first argument, got (undefined|"wasm"|object)/;
    for (const wrong of [undefined, "wasm", {}] as never[]) {
      await assert.rejects(useBackend(wrong), { name: "TypeError", message: expected });
      assert.throws(() => describeBackend(wrong), expected);
      assert.throws(() => registerTrainingKernels(wrong), expected);
    }
  });

  it("useBackend rejects an unknown backend", async () => {
    for (const choice of ["webgl", "", "toString"]) {
      await assert.rejects(
        useBackend(tf, choice as BackendChoice),
        /^RangeError: Cannot use backend ".*": it must be "auto", "webgpu", "wasm" or "cpu"$/,
      );
    }
  });

  it("useBackend rejects an invalid number of threads", async () => {
    for (const threads of [0, -1, 1.5, NaN, Infinity]) {
      await assert.rejects(
        useBackend(tf, "wasm", { threads }),
        /^RangeError: Cannot use a backend with .* threads: it must be a whole number, 1 or more$/,
      );
    }
  });

  it("useBackend gives the reasons when nothing works", async () => {
    const broken = { ...tf, setBackend: () => Promise.resolve(false) };
    await useBackend(tf, "wasm");
    await assert.rejects(
      useBackend(broken),
      /any backend .*\(webgpu: .*; wasm: .* false.*; cpu: .* false/,
    );
    await assert.rejects(useBackend(broken, "cpu"), /^Error: Cannot use backend cpu: .* start$/);
    assert.equal(tf.getBackend(), "wasm");
  });
});
