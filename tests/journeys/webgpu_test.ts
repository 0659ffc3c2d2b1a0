import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import {
  BackupAndRestore,
  type CallbackLike,
  DeviceStatsMonitor,
  EarlyStopping,
  evaluate,
  exponentialMovingAverage,
  fit,
  ModelCheckpoint,
  predict,
  SwapEMAWeights,
} from "keepfit";
import { describeBackend, loadWeights, memoryFileSystem, useBackend } from "keepfit/runtime";

// Vulkan loads the driver that VK_ICD_FILENAMES names; a software driver suffices.
const skip = await useBackend(tf, "webgpu").then(() => false as const, ({ message }) => message);
if (skip) console.log(`skipped training on webgpu: ${skip}`);
else console.log(describeBackend(tf).text);

const { layers } = tf;
const image = [6, 6, 2];
const words = { inputDim: 8, outputDim: 3, inputLength: 5 };

/** Layers of each kind, before a dense layer. */
const networks: Record<string, () => tf.layers.Layer[]> = {
  dense: () => [layers.dense({ units: 4, activation: "tanh", inputShape: [6] })],
  "a convolution and max pooling": () => [
    layers.conv2d({ filters: 3, kernelSize: 3, padding: "same", inputShape: image }),
    layers.maxPooling2d({ poolSize: 2 }),
    layers.flatten(),
  ],
  "a depthwise convolution with strides and average pooling": () => [
    layers.depthwiseConv2d({ kernelSize: 3, strides: 2, padding: "same", inputShape: image }),
    layers.averagePooling2d({ poolSize: 2, strides: 1 }),
    layers.flatten(),
  ],
  "batch normalization": () => [
    layers.dense({ units: 4, inputShape: [6] }),
    layers.batchNormalization(),
  ],
  "dropout alone": () => [layers.dropout({ rate: 0.3, inputShape: [6] })],
  "dropout and noise": () => [
    layers.dense({ units: 4, activation: "tanh", inputShape: [6] }),
    layers.gaussianNoise({ stddev: 0.1 }),
    layers.dropout({ rate: 0.3 }),
  ],
  "an LSTM": () => [layers.lstm({ units: 4, inputShape: [3, 2] })],
  "an embedding": () => [layers.embedding(words), layers.flatten()],
};

/** Reproducible pseudo-random values between -0.5 and 0.5. */
function values(shape: number[], salt: number): tf.Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const list = Array.from({ length: size }, (_, i) => Math.sin(salt + 12.9898 * i) / 2);
  return tf.tensor(list, shape);
}

/** The model of a network with fixed weights, and 12 rows for it. */
function makeWorld(network: string) {
  const model = tf.sequential({ layers: [...networks[network](), layers.dense({ units: 1 })] });
  model.compile({
    optimizer: tf.train.momentum(0.01, 0.9),
    loss: "meanSquaredError",
    metrics: ["mae"],
  });
  tf.tidy(() => model.setWeights(model.getWeights().map(({ shape }, i) => values(shape, i).abs())));
  const shape = [12, ...model.inputs[0].shape.slice(1) as number[]];
  const x = network === "an embedding"
    ? tf.tidy(() => values(shape, 7).add(0.5).mul(7.99).floor())
    : values(shape, 7);
  const y = values([12, 1], 3);
  const dispose = () => {
    tf.dispose([x, y]);
    model.dispose();
  };
  return { model, x, y, dispose };
}

/** All results of a training, an evaluation and a prediction. */
async function numbersOf(network: string, device: "cpu" | "webgpu"): Promise<number[]> {
  assert.equal((await useBackend(tf, device)).backend, device);
  const { model, x, y, dispose } = makeWorld(network);
  const { history } = await fit(model, x, y, {
    epochs: 2,
    batchSize: 5,
    seed: 1,
    verbose: 0,
    validationSplit: 0.25,
  });
  assert.equal(tf.getBackend(), device);
  const measured = await evaluate(model, x, y, { verbose: 0, batchSize: 5 });
  const predicted = await predict(model, x, { verbose: 0, batchSize: 5 }) as tf.Tensor;
  const weights = await Promise.all(model.getWeights().map((weight) => weight.data()));
  const outputs = await predicted.data();
  predicted.dispose();
  dispose();
  return [
    ...Object.values(history).flat(),
    ...Object.values(measured).flat() as number[],
    ...outputs,
    ...weights.flatMap((list) => [...list]),
  ];
}

async function train(
  { model, x, y }: ReturnType<typeof makeWorld>,
  callbacks: CallbackLike[],
  epochs = 3,
) {
  return await fit(model, x, y, { epochs, batchSize: 4, seed: 1, verbose: 0, callbacks });
}

/** Values of all weights, read asynchronously. */
async function read(model: tf.LayersModel): Promise<number[][]> {
  return await Promise.all(model.getWeights().map(async (weight) => [...await weight.data()]));
}

describe("Training on webgpu", { skip }, () => {
  after(() => tf.setBackend("cpu"));

  for (const network of Object.keys(networks)) {
    it(`Training on webgpu has the numbers of cpu to four digits, with ${network}`, async () => {
      const expected = await numbersOf(network, "cpu");
      const actual = await numbersOf(network, "webgpu");
      assert.equal(actual.length, expected.length);
      actual.forEach((value, i) => {
        const tolerance = 1e-4 * Math.max(1, Math.abs(expected[i]));
        assert.ok(Math.abs(value - expected[i]) <= tolerance, `${i}: ${value}, ${expected[i]}`);
      });
    });
  }

  it("Training on webgpu reads nothing from the device unless the logs of a batch are read", async () => {
    await useBackend(tf, "webgpu");
    const world = makeWorld("dense");
    // The second update of an optimizer is compared with that of TensorFlow.js, which needs one
    // read.
    await train(world, [], 1);
    const device = tf.backend();
    const { read: original } = device;
    let reads = 0;
    device.read = (dataId) => {
      reads++;
      return original.call(device, dataId);
    };
    const perEpoch: [before: number, after: number][] = [];
    let before = 0;
    const watch = (reading: boolean): CallbackLike => ({
      readsBatchLogs: () => reading,
      onEpochBegin: () => void (before = reads),
      onTrainBatchEnd: (batch) => void (batch === 2 && perEpoch.push([before, reads])),
    });
    try {
      await train(world, [watch(false)], 1);
      // One read for the logs of the epoch, because its batches are joined first.
      assert.equal(reads, 1);
      await train(world, [watch(true)], 1);
    } finally {
      device.read = original;
    }
    const [silent, reading] = perEpoch.map(([from, to]) => to - from);
    assert.equal(silent, 0);
    // One read per batch, because loss and accuracy are packed.
    assert.equal(reading, 3);
    world.dispose();
  });

  it("Training on webgpu submits several times less than TensorFlow.js, with the same weights", async () => {
    await useBackend(tf, "webgpu");
    const flag = "WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE";
    const { queue } = tf.backend() as unknown as { queue: { submit(commands: object[]): void } };
    const { submit } = queue;
    let submissions = 0;
    queue.submit = (commands) => {
      submissions++;
      submit.call(queue, commands);
    };
    const limits: number[] = [];
    const note = { onTrainBatchBegin: () => void limits.push(tf.env().getNumber(flag)) };
    const options = { epochs: 3, batchSize: 3, shuffle: false, verbose: 0 } as const;
    const [ours, theirs] = [1, 2].map(() => {
      const world = makeWorld("dense");
      world.model.compile({ optimizer: tf.train.adam(0.01), loss: "meanSquaredError" });
      return world;
    });
    try {
      await fit(ours.model, ours.x, ours.y, { ...options, epochs: 1 });
      await theirs.model.fit(theirs.x, theirs.y, { ...options, epochs: 1 });
      submissions = 0;
      await fit(ours.model, ours.x, ours.y, { ...options, callbacks: [note], yieldEvery: "batch" });
      const few = submissions;
      submissions = 0;
      await theirs.model.fit(theirs.x, theirs.y, options);
      assert.ok(3 * few < submissions, `${few}, ${submissions}`);
    } finally {
      queue.submit = submit;
    }
    assert.deepEqual([...new Set(limits)], [64]);
    assert.equal(tf.env().getNumber(flag), 15);
    assert.deepEqual(await read(ours.model), await read(theirs.model));
    ours.dispose();
    theirs.dispose();
  });

  it("Training on webgpu restores the best weights, and leaks no tensor", async () => {
    await useBackend(tf, "webgpu");
    const world = makeWorld("dense");
    // The optimizer creates its tensors in the first batch.
    await train(world, [], 1);
    const { numTensors } = tf.memory();
    const seen: number[][][] = [];
    const stopping = new EarlyStopping({
      monitor: (logs) => (logs.epoch_number = seen.length) === 1 ? 0 : 1,
      mode: "min",
      patience: 1,
      restoreBestWeights: true,
    });
    const note = { onEpochEnd: async () => void seen.push(await read(world.model)) };
    await train(world, [stopping, note], 5);
    assert.equal(stopping.bestEpoch, 1);
    assert.notDeepEqual(seen[1], seen[0]);
    assert.deepEqual(await read(world.model), seen[1]);
    assert.equal(tf.memory().numTensors, numTensors);
    world.dispose();
  });

  it("Training on webgpu saves models and weights that give the same predictions", async () => {
    await useBackend(tf, "webgpu");
    const world = makeWorld("a convolution and max pooling");
    const fs = memoryFileSystem();
    await train(world, [
      new ModelCheckpoint("model", { fs }),
      new ModelCheckpoint("last.weights.safetensors", { fs, saveWeightsOnly: true }),
    ]);
    const expected = await read(world.model);
    const other = makeWorld("a convolution and max pooling");
    assert.notDeepEqual(await read(other.model), expected);
    await loadWeights(other.model, "last.weights.safetensors", { fs });
    assert.deepEqual(await read(other.model), expected);
    other.dispose();
    world.dispose();
  });

  it("Training on webgpu continues from a backup as if uninterrupted, with Adam, an average and dropout", async () => {
    await useBackend(tf, "webgpu");
    const build = () => {
      const world = makeWorld("dropout and noise");
      const optimizer = exponentialMovingAverage(tf.train.adam(0.01), { momentum: 0.5 });
      world.model.compile({ optimizer, loss: "meanSquaredError" });
      return world;
    };
    const straight = build();
    const { history } = await train(straight, [new SwapEMAWeights()], 4);
    const fs = memoryFileSystem();
    const interrupted = build();
    await train(interrupted, [
      new SwapEMAWeights(),
      new BackupAndRestore("backup", { fs, deleteCheckpoint: false }),
    ], 2);
    const resumed = build();
    const rest = await train(resumed, [
      new SwapEMAWeights(),
      new BackupAndRestore("backup", { fs }),
    ], 4);
    assert.deepEqual(rest.epoch, [0, 1, 2, 3]);
    assert.deepEqual(rest.history.loss, history.loss);
    assert.deepEqual(await read(resumed.model), await read(straight.model));
    for (const world of [straight, interrupted, resumed]) world.dispose();
  });

  it("Training on webgpu keeps the number of tensors and buffers over a hundred steps", async () => {
    await useBackend(tf, "webgpu");
    // The fewest kernels, because a driver in software is slow.
    const world = makeWorld("dropout alone");
    world.model.compile({ optimizer: tf.train.adam(0.01), loss: "meanSquaredError" });
    const taken: number[][] = [];
    const note = {
      onEpochEnd: () => {
        const { numTensors, numBytesInGPU } = tf.memory() as tf.MemoryInfo & {
          numBytesInGPU: number;
        };
        taken.push([numTensors, numBytesInGPU, tf.backend().numDataIds()]);
      },
    };
    // Three steps per epoch.
    await train(world, [note], 36);
    assert.deepEqual(taken[35], taken[2]);
    world.dispose();
  });

  it("Training on webgpu continues from a backup as if uninterrupted", async () => {
    await useBackend(tf, "webgpu");
    const straight = makeWorld("dense");
    const { history } = await train(straight, []);
    const fs = memoryFileSystem();
    await train(makeWorld("dense"), [
      new BackupAndRestore("backup", { fs, deleteCheckpoint: false }),
    ], 2);
    const resumed = makeWorld("dense");
    const rest = await train(resumed, [new BackupAndRestore("backup", { fs })]);
    assert.deepEqual(rest.epoch, [0, 1, 2]);
    assert.deepEqual(rest.history.loss, history.loss);
    assert.deepEqual(await read(resumed.model), await read(straight.model));
  });

  it("Training on webgpu averages weights, and reports the memory of the card", async () => {
    await useBackend(tf, "webgpu");
    const world = makeWorld("dense");
    const { model } = world;
    const optimizer = exponentialMovingAverage(tf.train.sgd(0.1), { momentum: 0.5 });
    model.compile({ optimizer, loss: "meanSquaredError" });
    const { history } = await train(world, [
      new SwapEMAWeights({ swapOnEpoch: true }),
      new DeviceStatsMonitor(),
    ]);
    assert.ok(history.loss.every(Number.isFinite));
    assert.ok(history.gpu_bytes.every((bytes) => bytes > 0));
    assert.ok(history.gpu_allocated_bytes.every((bytes, i) => bytes >= history.gpu_bytes[i]));
    world.dispose();
  });

  it("Training on webgpu refuses to read synchronously, with advice", async () => {
    await useBackend(tf, "webgpu");
    const sum = tf.tidy(() => values([64, 64], 1).matMul(values([64, 64], 2)));
    assert.throws(
      () => sum.dataSync(),
      /^TypeError: Cannot read a tensor synchronously on webgpu .* use `await tensor\.data\(\)`/,
    );
    const read = await sum.data();
    assert.deepEqual(sum.dataSync(), read);
    sum.dispose();
  });

  it("Training on webgpu moves models and optimizers to another backend", async () => {
    await useBackend(tf, "webgpu");
    const world = makeWorld("dense");
    await train(world, []);
    const expected = await read(world.model);
    assert.equal((await useBackend(tf, "wasm")).backend, "wasm");
    assert.deepEqual(await read(world.model), expected);
    const { history } = await train(world, []);
    assert.ok(history.loss.every(Number.isFinite));
    assert.equal((await useBackend(tf, "webgpu")).backend, "webgpu");
    await train(world, []);
    assert.notDeepEqual(await read(world.model), expected);
    world.dispose();
  });

  it("Training on webgpu is not selected by auto if it is software", async () => {
    await useBackend(tf, "webgpu");
    const { adapter } = describeBackend(tf);
    const { backend, reasons } = await useBackend(tf);
    if (adapter?.isSoftware) {
      assert.equal(backend, "wasm");
      assert.match(reasons[0].reason, /its adapter is software \(.+\), slower than wasm/);
    } else {
      assert.equal(backend, "webgpu");
    }
  });
});
