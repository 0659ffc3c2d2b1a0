import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { fit } from "keepfit";
import { registerTrainingKernels } from "keepfit/backend/kernels";
import { describeBackend, useBackend } from "keepfit/runtime";
import {
  aliases,
  networks,
  oneAtATime,
  outsideModels,
  takesWholeNumbers,
} from "./network_fixtures.ts";
import { close, seeded, start, values } from "./fixtures.ts";

const optimizers: Record<string, () => tf.Optimizer> = {
  sgd: () => tf.train.sgd(0.002),
  momentum: () => tf.train.momentum(0.002, 0.9),
  rmsprop: () => tf.train.rmsprop(0.01),
  adam: () => tf.train.adam(0.01),
  adamax: () => tf.train.adamax(0.01),
  adagrad: () => tf.train.adagrad(0.05),
  adadelta: () => tf.train.adadelta(0.01),
};

/** Train three epochs of the same numbers on each backend, and compare losses and weights. */
async function trainsAsOnCpu(name: string, optimizer: () => tf.Optimizer): Promise<void> {
  const results: { losses: number[]; weights: ArrayLike<number>[] }[] = [];
  for (const backend of ["cpu", "wasm"] as const) {
    await start(backend);
    const model = networks[name]();
    const random = seeded(7);
    // Of either sign, so that there are negative values in the network too.
    model.setWeights(
      model.weights.map(({ name, shape }) =>
        name.includes("variance") ? tf.ones(shape as number[]) : tf.tensor(
          values(shape as number[], random).map((value) => value / 5),
          shape as number[],
        )
      ),
    );
    const shape = [6, ...model.inputs[0].shape.slice(1) as number[]];
    const x = tf.tensor(
      values(shape, random, 1).map((value) =>
        takesWholeNumbers.includes(name) ? Math.floor((value + 2) * 2) : value
      ),
      shape,
    );
    const y = tf.tensor(values([6, 1], random), [6, 1]);
    model.compile({ optimizer: optimizer(), loss: "meanSquaredError" });
    const { history } = await withRandom(
      seeded(11),
      () =>
        fit(model, x, y, {
          epochs: 3,
          batchSize: oneAtATime.includes(name) ? 1 : 3,
          shuffle: false,
          verbose: 0,
        }),
    );
    results.push({
      losses: history.loss as number[],
      weights: model.getWeights().map((weight) => weight.dataSync()),
    });
    model.dispose();
    tf.dispose([x, y]);
  }
  const [cpu, wasm] = results;
  assert(cpu.losses.every(Number.isFinite), `losses ${cpu.losses}`);
  assert.notEqual(cpu.losses[0], cpu.losses[2]);
  close(wasm.losses, cpu.losses, "losses");
  cpu.weights.forEach((weights, i) => close(wasm.weights[i], weights, `weight ${i}`));
}

/** Give layers that drop or add noise the same random numbers on each backend. */
async function withRandom<Result>(
  random: () => number,
  run: () => Promise<Result>,
): Promise<Result> {
  const { random: restored } = Math;
  Math.random = random;
  try {
    return await run();
  } finally {
    Math.random = restored;
  }
}

describe("Training on wasm", () => {
  after(() => tf.setBackend("cpu"));

  for (const name of Object.keys(networks)) {
    it(`Training on wasm has cpu's losses and weights with ${name}`, async () => {
      await trainsAsOnCpu(name, optimizers.sgd);
    });
  }

  it("Training on wasm is tested with every layer of tfjs", () => {
    // A name in lower case makes a layer; the others are classes.
    const layers = Object.keys(tf.layers).filter((name) => /^[a-z]/.test(name));
    const tried = [...Object.keys(networks), ...Object.keys(aliases), ...outsideModels];
    assert.deepEqual(layers.filter((name) => !tried.includes(name)), []);
  });

  for (const [name, optimizer] of Object.entries(optimizers)) {
    it(`Training on wasm has cpu's losses and weights with ${name} as the optimizer`, async () => {
      await trainsAsOnCpu("conv2d", optimizer);
    });
  }

  it("Training on wasm is tested with every optimizer of tfjs", () => {
    assert.deepEqual(Object.keys(optimizers).sort(), Object.keys(tf.train).sort());
  });

  it("Training on wasm has cpu's losses and weights with two threads", async () => {
    assert.deepEqual(await useBackend(tf, "wasm", { threads: 2 }), {
      backend: "wasm",
      reasons: [],
    });
    try {
      for (const name of Object.keys(networks)) await trainsAsOnCpu(name, optimizers.sgd);
      assert.equal(describeBackend(tf).wasm?.threads, 2);
    } finally {
      await useBackend(tf, "wasm", { threads: 1 });
    }
  });

  it("Training on wasm works for a convnet after useBackend, and leaks nothing", async () => {
    assert.equal((await useBackend(tf, "wasm")).backend, "wasm");
    const { numTensors } = tf.memory();
    const dataIds = tf.backend().numDataIds();
    const model = networks.conv2d();
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    const [x, y] = [tf.ones([4, 8, 8, 2]), tf.ones([4, 1])];
    await fit(model, x, y, { epochs: 2, verbose: 0 });
    model.dispose();
    model.optimizer.dispose();
    tf.dispose([x, y]);
    assert.equal(tf.memory().numTensors, numTensors);
    assert.equal(tf.backend().numDataIds(), dataIds);
  });
});

describe("registerTrainingKernels", () => {
  it("registerTrainingKernels changes nothing when called again", () => {
    registerTrainingKernels(tf);
    const functions = () => tf.getKernelsForBackend("wasm").map(({ kernelFunc }) => kernelFunc);
    const before = functions();
    registerTrainingKernels(tf);
    assert.deepEqual(functions(), before);
  });

  it("registerTrainingKernels rejects a TensorFlow.js without the WASM backend", () => {
    const without = { ...tf, getKernel: () => undefined as unknown as tf.KernelConfig };
    assert.throws(
      () => registerTrainingKernels(without),
      /^Error: Cannot register .* no WASM backend: @tensorflow\/tfjs-backend-wasm must be imported/,
    );
  });

  it("registerTrainingKernels keeps an existing kernel of a later tfjs", async () => {
    await start("wasm");
    const name = "UnsortedSegmentSum";
    const ours = tf.getKernel(name, "wasm");
    tf.unregisterKernel(name, "wasm");
    const theirs = { ...ours, kernelFunc: () => assert.fail("not called") };
    tf.registerKernel(theirs);
    registerTrainingKernels(tf);
    assert.equal(tf.getKernel(name, "wasm").kernelFunc, theirs.kernelFunc);
    tf.unregisterKernel(name, "wasm");
    tf.registerKernel(ours);
    await tf.setBackend("cpu");
  });

  it("registerTrainingKernels uses tfjs's kernel if a test shows that it is correct", async () => {
    await start("wasm");
    const name = "MaxPoolGrad";
    const ours = tf.getKernel(name, "wasm");
    let calls = 0;
    tf.unregisterKernel(name, "wasm");
    tf.registerKernel({
      ...ours,
      kernelFunc: (call) => {
        calls++;
        return ours.kernelFunc(call);
      },
    });
    registerTrainingKernels(tf);
    const gradient = tf.tidy(() =>
      tf.grad((x) => tf.maxPool(x as tf.Tensor4D, 2, 2, "valid"))(tf.ones([1, 2, 2, 1])).dataSync()
    );
    assert.deepEqual([...gradient], [1, 0, 0, 0]);
    assert.equal(calls, 2, "tried once, used once");
    tf.unregisterKernel(name, "wasm");
    tf.registerKernel(ours);
    await tf.setBackend("cpu");
  });
});
