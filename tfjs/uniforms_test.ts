import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { useBackend } from "keepfit/backend";
import type { DeviceBackend } from "./fused/device.ts";
import { keepUniforms } from "./uniforms.ts";

const skip = await useBackend(tf, "webgpu").then(() => false as const, ({ message }) => message);
if (skip) console.log(`Uniforms of webgpu are left out: ${skip}`);
await tf.setBackend("cpu");

const deviceBackend = () => tf.backend() as unknown as DeviceBackend;

/** How many buffers a call writes. */
function writesOf(call: () => void): number {
  const { queue } = deviceBackend();
  const { writeBuffer } = queue;
  let count = 0;
  queue.writeBuffer = (...args) => {
    count++;
    writeBuffer.apply(queue, args);
  };
  try {
    call();
    return count;
  } finally {
    queue.writeBuffer = writeBuffer;
  }
}

/** Submit what is pending. */
async function flush(): Promise<void> {
  const sum = tf.tidy(() => tf.fill([2], 1).add(1));
  await sum.data();
  sum.dispose();
}

describe("keepUniforms", { skip }, () => {
  before(() => useBackend(tf, "webgpu"));
  after(() => tf.setBackend("cpu"));

  it("keepUniforms writes the parameters of a kernel once", () => {
    const add = () => tf.tidy(() => void tf.fill([3], 1).add(tf.fill([3], 2)));
    add();
    const each = writesOf(add);
    assert.ok(each > 0);
    const release = keepUniforms(deviceBackend());
    add();
    assert.equal(writesOf(add), 0);
    release();
    assert.equal(writesOf(add), each);
  });

  it("keepUniforms tells parameters apart, and more of them than it keeps", async () => {
    const release = keepUniforms(deviceBackend());
    const x = tf.fill([2], 5);
    const clipped = Array.from({ length: 1100 }, (_, i) => x.clipByValue(0, i / 1000));
    const again = [0, 1, 1099].map((i) => x.clipByValue(0, i / 1000));
    release();
    for (const i of [0, 1, 2, 1023, 1024, 1099]) {
      assert.deepEqual([...await clipped[i].data()], [i / 1000, i / 1000].map(Math.fround));
    }
    assert.deepEqual([...await again[2].data()], [1.099, 1.099].map(Math.fround));
    tf.dispose([x, clipped, again]);
  });

  it("keepUniforms gives the buffers back", async () => {
    const { bufferManager } = deviceBackend();
    await flush();
    const before = bufferManager.numBytesUsed;
    const release = keepUniforms(deviceBackend());
    tf.tidy(() => void tf.fill([3], 1).add(tf.fill([3], 2)));
    await flush();
    assert.ok(bufferManager.numBytesUsed > before);
    release();
    await flush();
    assert.equal(bufferManager.numBytesUsed, before);
  });
});
