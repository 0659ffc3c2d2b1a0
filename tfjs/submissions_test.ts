import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { useBackend } from "keepfit/backend";
import { type Engine, getEngine } from "./engine.ts";
import { batchSubmissions } from "./submissions.ts";

const skip = await useBackend(tf, "webgpu").then(() => false as const, ({ message }) => message);
if (skip) console.log(`Submissions to webgpu are left out: ${skip}`);
await tf.setBackend("cpu");

const flag = "WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE";

/** How many submissions a call makes. */
function countSubmissions(call: () => void): number {
  const { queue } = tf.backend() as unknown as { queue: { submit(commands: object[]): void } };
  const { submit } = queue;
  let count = 0;
  queue.submit = (commands) => {
    count++;
    submit.call(queue, commands);
  };
  try {
    call();
    return count;
  } finally {
    queue.submit = submit;
  }
}

/** How many submissions a number of dispatches takes. */
function submissionsOf(dispatches: number, size = 4): number {
  return countSubmissions(() =>
    tf.tidy(() => {
      let sum = tf.fill([size], 1);
      for (let i = 1; i < dispatches; i++) sum = sum.add(sum);
    })
  );
}

/** Submit what is pending. */
async function flush(): Promise<void> {
  const sum = tf.tidy(() => tf.fill([2], 1).add(1));
  await sum.data();
  sum.dispose();
}

describe("batchSubmissions of another TensorFlow.js", () => {
  it("batchSubmissions does nothing where the backend or its limit is not as expected", () => {
    const getNumber = () => {
      throw new Error("Cannot evaluate flag: no evaluation function found.");
    };
    const bufferManager = { numBytesUsed: 0 };
    const engines = [
      undefined,
      { backendName: "cpu" },
      { backendName: "webgpu", backend: {}, ENV: tf.env() },
      { backendName: "webgpu", backend: { bufferManager }, ENV: { getNumber } },
    ];
    for (const engine of engines) batchSubmissions(engine as unknown as Engine)();
  });
});

describe("batchSubmissions", { skip }, () => {
  before(() => useBackend(tf, "webgpu"));
  after(() => tf.setBackend("cpu"));

  it("batchSubmissions submits 64 dispatches together, and then again 15", async () => {
    await flush();
    assert.equal(submissionsOf(128), 8);
    await flush();
    const restore = batchSubmissions(getEngine());
    assert.equal(submissionsOf(128), 2);
    restore();
    assert.equal(tf.env().getNumber(flag), 15);
    assert.equal(submissionsOf(128), 8);
  });

  it("batchSubmissions submits what TensorFlow.js would have submitted when it ends", async () => {
    await flush();
    const restore = batchSubmissions(getEngine());
    assert.equal(submissionsOf(20), 0);
    assert.equal(countSubmissions(restore), 1);
  });

  it("batchSubmissions submits as often as TensorFlow.js when the tensors are large", async () => {
    await flush();
    const restore = batchSubmissions(getEngine());
    // 8 MiB each.
    assert.equal(submissionsOf(45, 2 ** 21), 3);
    restore();
    await flush();
  });

  it("batchSubmissions keeps a limit of the user", () => {
    tf.env().set(flag, 20);
    try {
      const restore = batchSubmissions(getEngine());
      assert.equal(tf.env().getNumber(flag), 20);
      restore();
      assert.equal(tf.env().getNumber(flag), 20);
    } finally {
      tf.env().set(flag, 15);
    }
  });

  it("batchSubmissions leaves a run within a run its limit", () => {
    const outer = batchSubmissions(getEngine());
    const inner = batchSubmissions(getEngine());
    inner();
    assert.equal(tf.env().getNumber(flag), 64);
    outer();
    assert.equal(tf.env().getNumber(flag), 15);
  });
});
