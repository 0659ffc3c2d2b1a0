import assert from "node:assert/strict";
import { after, describe, it, type TestContext } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { type CallbackLike, describeStep, fit, predict, setRandomSeed } from "keepfit";
import { describeBackend, useBackend } from "keepfit/backend";
import { startChild } from "../tests/child.ts";
import { instantiateKernels } from "../tfjs/plan/kernels.ts";
import { finishedAt, TaskQueue } from "../tfjs/plan/task_queue.ts";
import { workSharingOf } from "../tfjs/plan/work_sharing.ts";

const { layers } = tf;
const glorot = { recurrentInitializer: "glorotUniform" } as const;

/** Networks with products that several threads share. */
const networks: Record<string, { input: number[]; make(): tf.layers.Layer[] }> = {
  dense: {
    input: [301],
    make: () => [
      layers.dense({ units: 1021, activation: "relu" }),
      layers.dense({ units: 701, activation: "tanh" }),
    ],
  },
  convolutional: {
    input: [19, 20, 5],
    make: () => [
      layers.conv2d({ filters: 19, kernelSize: 3, padding: "same", activation: "relu" }),
      layers.conv2d({ filters: 33, kernelSize: 3 }),
      layers.conv2d({ filters: 12, kernelSize: 3, strides: 2 }),
      layers.flatten(),
    ],
  },
  recurrent: {
    input: [7, 150],
    make: () => [
      layers.lstm({ units: 203, returnSequences: true, ...glorot }),
      layers.gru({ units: 103, ...glorot }),
    ],
  },
};

async function use(threads: number): Promise<void> {
  const chosen = await useBackend(tf, "wasm", { threads });
  assert.deepEqual(chosen, { backend: "wasm", reasons: [] });
  assert.equal(describeBackend(tf).wasm?.threads, threads);
}

/** Train and predict with a number of threads; returns all weights and outputs. */
async function train(name: string, threads: number, callbacks: CallbackLike[] = []) {
  await use(threads);
  const { input, make } = networks[name];
  setRandomSeed(tf, 5);
  const model = tf.sequential({
    layers: [layers.inputLayer({ inputShape: input }), ...make(), layers.dense({ units: 3 })],
  });
  model.compile({ optimizer: "adam", loss: "meanSquaredError" });
  const x = tf.randomUniform([100, ...input], -1, 1, "float32", 1);
  const y = tf.randomUniform([100, 3], -1, 1, "float32", 2);
  const options = { batchSize: 70, epochs: 2, seed: 3, verbose: 0, jitCompile: true } as const;
  await fit(model, x, y, { ...options, callbacks });
  assert.deepEqual(describeStep(model), { isCompiled: true });
  const predicted = await predict(model, x, { verbose: 0, jitCompile: true }) as tf.Tensor;
  const results = [...model.getWeights(), predicted].map((one) => one.dataSync().slice());
  tf.dispose([x, y, predicted]);
  model.dispose();
  return results;
}

/** Let another thread finish a task of each job before the main thread does; counts the jobs. */
function letOthersCompute(t: TestContext): { jobs: number } {
  const counter = { jobs: 0 };
  const { finish } = TaskQueue.prototype;
  t.mock.method(
    TaskQueue.prototype,
    "finish",
    function (this: TaskQueue, tasks, run) {
      counter.jobs++;
      const words = new Int32Array(this.buffer);
      let isFirst = true;
      finish.call(this, tasks, (task) => {
        while (isFirst && Atomics.load(words, finishedAt) === 0) {
          Atomics.wait(words, finishedAt, 0, 10);
        }
        isFirst = false;
        run(task);
      });
    } as typeof finish,
  );
  return counter;
}

describe("A compiled step on wasm with threads", () => {
  after(async () => {
    await useBackend(tf, "wasm", { threads: 1 });
    await useBackend(tf, "cpu");
  });

  for (const name of Object.keys(networks)) {
    it(`A compiled step of a ${name} network has the bits of one thread`, async (t) => {
      const counter = letOthersCompute(t);
      const one = await train(name, 1);
      assert.equal(counter.jobs, 0);
      for (const threads of [2, 3]) {
        assert.deepEqual(await train(name, threads), one);
        assert(counter.jobs > 10, `${counter.jobs} jobs`);
        counter.jobs = 0;
      }
    });
  }

  it("A compiled step has the bits of one thread while the heap grows", async (t) => {
    const one = await train("dense", 1);
    letOthersCompute(t);
    const held: tf.Tensor[] = [];
    const grow = { onTrainBatchEnd: () => void held.push(tf.zeros([2 ** 22])) };
    const several = await train("dense", 2, [grow]);
    assert.equal(held.length, 4);
    tf.dispose(held);
    assert.deepEqual(several, one);
  });

  it("A compiled step leaves no thread that keeps the process alive", async () => {
    const { result } = startChild(`
      import * as tf from ${JSON.stringify(import.meta.resolve("@tensorflow/tfjs"))};
      import { fit, useBackend } from ${JSON.stringify(import.meta.resolve("keepfit"))};
      await useBackend(tf, "wasm", { threads: 3 });
      const model = tf.sequential({ layers: [tf.layers.dense({ units: 600, inputShape: [600] })] });
      model.compile({ loss: "meanSquaredError", optimizer: "sgd" });
      const { step } = await fit(model, tf.ones([64, 600]), tf.ones([64, 600]), { verbose: 0 });
      console.log(step.isCompiled);
    `);
    const { code, stdout, stderr } = await result;
    assert.deepEqual([code, stdout], [0, "true\n"], stderr);
  });

  it("A compiled step fails if a kernel fails in another thread", async (t) => {
    await use(2);
    letOthersCompute(t);
    const backend = tf.backend();
    const { wasmMemory } =
      (backend as unknown as { wasm: { wasmMemory: WebAssembly.Memory } }).wasm;
    const kernels = instantiateKernels(wasmMemory);
    const sharing = workSharingOf(backend)(kernels);
    const work = { count: 2, unit: 1, multiplyAdds: 1e8, scratchSize: 0 };
    const fail = () =>
      sharing.run(work, 0, (_begin, _end, { zero }) => {
        // The other threads receive another function.
        if (zero !== kernels.zero) zero(4, 2 ** 32 - 64);
      });
    assert.throws(fail, /^Error: a thread of wasm failed$/);
    sharing.run(work, 0, () => {});
  });
});
