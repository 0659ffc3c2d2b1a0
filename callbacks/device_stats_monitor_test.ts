import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { fit, type Logs } from "keepfit";
import { useBackend } from "keepfit/runtime";
import { DeviceStatsMonitor, type DeviceStatsMonitorOptions } from "./device_stats_monitor.ts";

/** The logs of each batch and epoch after the monitor, and the number of tensors at that time. */
async function trained(options: DeviceStatsMonitorOptions) {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  const data = tf.zeros([4, 1]);
  const monitor = new DeviceStatsMonitor(options);
  const batches: Logs[] = [];
  const counts: number[] = [];
  const { history } = await fit(model, data, data, {
    epochs: 2,
    batchSize: 2,
    verbose: 0,
    callbacks: [monitor, {
      onTrainBatchEnd: (_batch, logs) => void batches.push(logs),
      onEpochEnd: () => void counts.push(tf.memory().numTensors),
    }],
  });
  data.dispose();
  model.dispose();
  return { monitor, batches, counts, history };
}

describe("DeviceStatsMonitor", () => {
  after(() => tf.setBackend("cpu"));

  it("DeviceStatsMonitor logs tensors and their bytes for each epoch, and why they are estimates", async () => {
    await tf.setBackend("cpu");
    const { history, counts, batches, monitor } = await trained({});
    assert.deepEqual(Object.keys(history), ["loss", "num_tensors", "tensor_bytes"]);
    assert.deepEqual(history.num_tensors, counts);
    assert.ok(history.tensor_bytes.every((bytes) => bytes >= 4 * 4));
    assert.match(monitor.unreliableReasons[0], /upper bound/);
    assert.deepEqual(batches.map((logs) => Object.keys(logs)), Array(4).fill(["loss"]));
  });

  it('DeviceStatsMonitor logs tensors for each step with every: "step"', async () => {
    const { batches } = await trained({ every: "step" });
    assert.equal(batches.length, 4);
    for (const logs of batches) {
      assert.ok(logs.num_tensors > 0 && logs.tensor_bytes > 0);
    }
  });

  it("DeviceStatsMonitor logs the exact size of the wasm heap", async () => {
    assert.equal((await useBackend(tf, "wasm")).backend, "wasm");
    const { history, monitor } = await trained({});
    const { wasm } = tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } };
    assert.equal(history.wasm_heap_bytes.at(-1), wasm.HEAPU8.byteLength);
    assert.deepEqual(monitor.unreliableReasons, []);
    assert.equal("gpu_bytes" in history, false);
  });

  it("DeviceStatsMonitor logs the memory of a graphics card if the backend reports it", () => {
    const memory = () => ({
      numTensors: 3,
      numBytes: 12,
      numBytesInGPU: 16,
      numBytesAllocatedInGPU: 256,
      unreliable: true,
    });
    const logs: Logs = {};
    const monitor = new DeviceStatsMonitor({ memory });
    monitor.onEpochEnd(0, logs);
    assert.deepEqual(logs, {
      num_tensors: 3,
      tensor_bytes: 12,
      gpu_bytes: 16,
      gpu_allocated_bytes: 256,
    });
    assert.deepEqual(monitor.unreliableReasons, ["reported by the backend"]);
  });

  it("DeviceStatsMonitor rejects invalid options", () => {
    assert.throws(() => new DeviceStatsMonitor({ every: "batch" as never }), RangeError);
    assert.throws(() => new DeviceStatsMonitor({ memory: {} as never }), TypeError);
  });
});
