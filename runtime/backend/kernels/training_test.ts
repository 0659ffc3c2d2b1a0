import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { fit } from "keepfit";
import { registerTrainingKernels } from "keepfit/backend/kernels";
import { describeBackend, useBackend } from "keepfit/runtime";
import { close, seeded, start, values } from "./test_world.ts";

type Layers = () => tf.layers.Layer[];

const image = { inputShape: [8, 8, 2] };
const head = () => [tf.layers.flatten(), tf.layers.dense({ units: 1 })];
const volume = { inputShape: [4, 4, 4, 1] };
const words = { inputShape: [5, 3] };

const networks: Record<string, Layers> = {
  conv1d: () => [tf.layers.conv1d({ ...words, filters: 3, kernelSize: 3 }), ...head()],
  conv2d: () => [
    tf.layers.conv2d({ ...image, filters: 3, kernelSize: 3, padding: "same", activation: "relu" }),
    tf.layers.conv2d({ filters: 2, kernelSize: 2, strides: 2 }),
    ...head(),
  ],
  "conv2d, channels first": () => [
    tf.layers.conv2d({
      inputShape: [2, 8, 8],
      filters: 3,
      kernelSize: 3,
      dataFormat: "channelsFirst",
    }),
    ...head(),
  ],
  conv2dTranspose: () => [
    tf.layers.conv2dTranspose({ ...image, filters: 2, kernelSize: 3, strides: 2, padding: "same" }),
    ...head(),
  ],
  conv3d: () => [tf.layers.conv3d({ ...volume, filters: 2, kernelSize: 2 }), ...head()],
  separableConv2d: () => [
    tf.layers.separableConv2d({ ...image, filters: 3, kernelSize: 3, depthMultiplier: 2 }),
    ...head(),
  ],
  depthwiseConv2d: () => [
    tf.layers.depthwiseConv2d({ ...image, kernelSize: 3, strides: 2, padding: "same" }),
    ...head(),
  ],
  "max pooling of negatives": () => [
    tf.layers.conv2d({ ...image, filters: 2, kernelSize: 1, biasInitializer: "ones" }),
    tf.layers.activation({ activation: "tanh" }),
    tf.layers.maxPooling2d({ poolSize: 3, strides: 2 }),
    ...head(),
  ],
  "max pooling of volumes": () => [tf.layers.maxPooling3d({ ...volume, poolSize: 2 }), ...head()],
  "average pooling": () => [
    tf.layers.averagePooling2d({ ...image, poolSize: 2, padding: "same" }),
    ...head(),
  ],
  batchNormalization: () => [
    tf.layers.conv2d({ ...image, filters: 2, kernelSize: 2 }),
    tf.layers.batchNormalization(),
    ...head(),
  ],
  layerNormalization: () => [tf.layers.layerNormalization(words), ...head()],
  simpleRNN: () => [tf.layers.simpleRNN({ ...words, units: 3, returnSequences: true }), ...head()],
  lstm: () => [tf.layers.lstm({ ...words, units: 3, returnSequences: true }), ...head()],
  gru: () => [tf.layers.gru({ ...words, units: 3, returnSequences: true }), ...head()],
  convLstm2d: () => [
    tf.layers.convLstm2d({ inputShape: [2, 5, 5, 1], filters: 2, kernelSize: 2 }),
    ...head(),
  ],
  embedding: () => [
    tf.layers.embedding({ inputDim: 6, outputDim: 3, inputLength: 4 }),
    ...head(),
  ],
};

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
async function trainsAsOnCpu(layers: Layers, optimizer: () => tf.Optimizer): Promise<void> {
  const results: { losses: number[]; weights: ArrayLike<number>[] }[] = [];
  for (const backend of ["cpu", "wasm"] as const) {
    await start(backend);
    const model = tf.sequential({ layers: layers() });
    const random = seeded(7);
    model.setWeights(
      model.getWeights().map(({ shape }) =>
        tf.tensor(values(shape, random).map((value) => Math.abs(value) / 20 + 0.02), shape)
      ),
    );
    const shape = [6, ...model.inputs[0].shape.slice(1) as number[]];
    const isWords = model.layers[0].getClassName() === "Embedding";
    const x = tf.tensor(
      values(shape, random, 1).map((value) => isWords ? Math.floor((value + 2) * 2) : value),
      shape,
    );
    const y = tf.tensor(values([6, 1], random), [6, 1]);
    model.compile({ optimizer: optimizer(), loss: "meanSquaredError" });
    const { history } = await fit(model, x, y, {
      epochs: 3,
      batchSize: 3,
      shuffle: false,
      verbose: 0,
    });
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

describe("training on wasm", () => {
  after(() => tf.setBackend("cpu"));

  for (const [name, layers] of Object.entries(networks)) {
    it(`comes to cpu's losses and weights with ${name}`, async () => {
      await trainsAsOnCpu(layers, optimizers.sgd);
    });
  }

  for (const [name, optimizer] of Object.entries(optimizers)) {
    it(`comes to cpu's losses and weights with ${name} as the optimizer`, async () => {
      await trainsAsOnCpu(networks.conv2d, optimizer);
    });
  }

  it("comes to cpu's losses and weights with two threads", async () => {
    assert.deepEqual(await useBackend(tf, "wasm", { threads: 2 }), {
      backend: "wasm",
      reasons: [],
    });
    try {
      for (const layers of Object.values(networks)) await trainsAsOnCpu(layers, optimizers.sgd);
      assert.equal(describeBackend(tf).wasm?.threads, 2);
    } finally {
      await useBackend(tf, "wasm", { threads: 1 });
    }
  });

  it("works for a convnet after useBackend, and leaves nothing behind", async () => {
    assert.equal((await useBackend(tf, "wasm")).backend, "wasm");
    const { numTensors } = tf.memory();
    const dataIds = tf.backend().numDataIds();
    const model = tf.sequential({ layers: networks.conv2d() });
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
  it("changes nothing when called again", () => {
    registerTrainingKernels(tf);
    const functions = () => tf.getKernelsForBackend("wasm").map(({ kernelFunc }) => kernelFunc);
    const before = functions();
    registerTrainingKernels(tf);
    assert.deepEqual(functions(), before);
  });

  it("refuses a TensorFlow.js without the WASM backend", () => {
    const without = { ...tf, getKernel: () => undefined as unknown as tf.KernelConfig };
    assert.throws(
      () => registerTrainingKernels(without),
      /^Error: Cannot register .* no WASM backend: @tensorflow\/tfjs-backend-wasm must be imported/,
    );
  });

  it("keeps a kernel that tfjs has by then", async () => {
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

  it("uses tfjs's kernel where a try shows that it is right by then", async () => {
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
