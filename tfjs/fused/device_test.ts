import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { useBackend } from "keepfit/backend";
import { updateOf } from "../update.ts";
import { kernelsOf, makers, numbers, stateOf } from "./fixtures.ts";
import { blockSize, maxBlocks } from "./shader.ts";

const skip = await useBackend(tf, "webgpu").then(() => false as const, ({ message }) => message);
if (skip) console.log(`Fused updates on webgpu are left out: ${skip}`);
await tf.setBackend("cpu");

/** Wait until the device has finished its work. */
async function idle(): Promise<void> {
  const one = tf.tidy(() => tf.fill([2], 1).add(1));
  await one.data();
  one.dispose();
}

/** Update until the formula is used, after the device has confirmed that the results agree. */
async function settle(update: () => void): Promise<void> {
  for (let i = 0; kernelsOf(update) > 0; i++) {
    assert.ok(i < 100, "the device answers, and the numbers agree");
    await idle();
  }
}

/** Number of calls of a device's method during a call. */
function callsOf(method: "createBindGroup" | "createBuffer", call: () => void): number {
  const { device } = tf.backend() as unknown as {
    device: Record<typeof method, (descriptor: object) => object>;
  };
  const original = device[method];
  let count = 0;
  device[method] = (descriptor) => {
    count++;
    return original.call(device, descriptor);
  };
  try {
    call();
    return count;
  } finally {
    device[method] = original;
  }
}

describe("A fused update on webgpu", { skip }, () => {
  before(() => useBackend(tf, "webgpu"));
  after(() => tf.setBackend("cpu"));

  for (const [name, make] of Object.entries(makers)) {
    it(`A fused update on webgpu is bit-identical to TensorFlow.js's ${name}`, async () => {
      // Several blocks, a rest, one number, none, and more variables than one dispatch takes.
      const sizes = [203, 7, 1, 0, 65];
      const [ours, theirs] = [make(), make()];
      const variables = [ours, theirs].map(() =>
        sizes.map((size, i) => tf.tidy(() => tf.variable(tf.tensor1d(numbers(size, i + 1)))))
      );
      const step = (index: number) => {
        const gradients = sizes.map((size, i) => tf.tensor1d(numbers(size, 100 + 10 * index + i)));
        const given = variables.map((list) =>
          list.map((variable, i) => ({ name: variable.name, tensor: gradients[i] }))
        );
        // A variable may have no gradient in a step.
        if (index % 4 === 3) { for (const one of given) one[1].tensor = undefined as never; }
        const kernels = kernelsOf(() => updateOf(ours)(given[0]));
        theirs.applyGradients(given[1]);
        tf.dispose(gradients);
        return kernels;
      };
      let index = 0;
      while (step(index++) > 0 && index < 100) await idle();
      assert.ok(index < 100, "the device answers, and the numbers agree");
      for (const end = index + 3; index < end; index++) {
        assert.equal(step(index), 0, "TensorFlow.js was not needed");
      }
      assert.deepEqual(await stateOf(ours, variables[0]), await stateOf(theirs, variables[1]));
      tf.dispose(variables);
      ours.dispose();
      theirs.dispose();
    });
  }

  it("A fused update on webgpu updates several variables in one dispatch", async () => {
    const optimizer = tf.train.adam(0.1);
    const variables = [1, 2, 3, 4].map((size) => tf.variable(tf.ones([size])));
    const update = updateOf(optimizer);
    const step = () =>
      tf.tidy(() => update(variables.map(({ name, shape }) => ({ name, tensor: tf.ones(shape) }))));
    await settle(step);
    const { limits } = (tf.backend() as unknown as {
      device: { limits: { maxStorageBuffersPerShaderStage: number } };
    }).device;
    // The weight, two moments and the gradient.
    const together = Math.floor(limits.maxStorageBuffersPerShaderStage / 4);
    assert.equal(callsOf("createBindGroup", step), Math.ceil(4 / together));
    tf.dispose(variables);
    optimizer.dispose();
  });

  it("A fused update on webgpu updates all of a variable with more blocks than a dimension allows", async () => {
    const optimizer = tf.train.sgd(1);
    const size = blockSize * maxBlocks + 3;
    const [small, large] = [2, size].map((length) =>
      tf.tidy(() => tf.variable(tf.fill([length], 5)))
    );
    const step = () =>
      tf.tidy(() =>
        updateOf(optimizer)([
          { name: small.name, tensor: tf.fill([2], 1) },
          { name: large.name, tensor: tf.fill([size], 1) },
        ])
      );
    tf.tidy(step);
    let updates = 1;
    const fills = 2;
    while (kernelsOf(step) > fills) {
      assert.ok(updates++ < 100, "the device answers, and the numbers agree");
      await idle();
    }
    const expected = 5 - updates - 1;
    const values = await large.data();
    assert.ok(values.every((value) => value === expected));
    assert.deepEqual([...await small.data()], [expected, expected]);
    tf.dispose([small, large]);
  });

  it("A fused update on webgpu changes no clone, no pending read and no tensor that a variable was created from", async () => {
    const optimizer = tf.train.adam(0.1);
    const update = updateOf(optimizer);
    const initial = tf.tensor1d([1, 2, 3]);
    const [one, two] = [tf.variable(initial), tf.variable(initial)];
    const step = () =>
      tf.tidy(() =>
        update([one, two].map(({ name }) => ({ name, tensor: tf.tensor1d([1, -1, 0.5]) })))
      );
    await settle(step);
    const { accumulatedFirstMoment: [{ variable: moment }] } = optimizer as unknown as {
      accumulatedFirstMoment: { variable: tf.Variable }[];
    };
    for (let i = 0; i < 3; i++) {
      const before = [[...await one.data()], [...await moment.data()]];
      step();
      assert.notDeepEqual([...await one.data()], before[0]);
      const kept = [one.clone(), moment.clone()];
      const then = [[...await one.data()], [...await moment.data()]];
      step();
      assert.deepEqual(
        await Promise.all(kept.map(async (tensor) => [...await tensor.data()])),
        then,
      );
      tf.dispose(kept);
      step();
      // Not awaited before the next step.
      const reads = [one.data(), moment.data()];
      step();
      const read = await Promise.all(reads);
      const after = [[...await one.data()], [...await moment.data()]];
      assert.notDeepEqual(after, read.map((values) => [...values]));
    }
    assert.deepEqual([...await initial.data()], [1, 2, 3]);
    assert.deepEqual(await one.data(), await two.data());
    tf.dispose([initial, one, two]);
    optimizer.dispose();
  });

  it("A fused update on webgpu copies nothing if the variables alone have their values", async () => {
    const optimizer = tf.train.rmsprop(0.1);
    const weight = tf.variable(tf.ones([5]));
    const gradient = tf.ones([5]);
    const step = () => updateOf(optimizer)([{ name: weight.name, tensor: gradient }]);
    await settle(step);
    const { dataId } = weight;
    const before = tf.memory() as tf.MemoryInfo & { numBytesInGPU: number };
    for (let i = 0; i < 40; i++) step();
    const after = tf.memory() as typeof before;
    assert.equal(weight.dataId, dataId);
    assert.equal(after.numTensors, before.numTensors);
    // Uniforms wait for a submission.
    assert.ok(after.numBytesInGPU - before.numBytesInGPU < 1024);
    const kept = weight.clone();
    step();
    assert.notEqual(weight.dataId, dataId);
    assert.equal(kept.dataId, dataId);
    tf.dispose([weight, gradient, kept]);
    optimizer.dispose();
  });

  it("A fused update on webgpu does not write into a buffer of the user's", async () => {
    const { device, queue } = tf.backend() as unknown as {
      device: { createBuffer(descriptor: { size: number; usage: number }): object };
      queue: { writeBuffer(buffer: object, offset: number, values: Float32Array): void };
    };
    // STORAGE | COPY_SRC | COPY_DST
    const buffer = device.createBuffer({ size: 16, usage: 0x80 | 0x4 | 0x8 });
    queue.writeBuffer(buffer, 0, Float32Array.of(1, 2, 3, 4));
    const wrap = (zeroCopy: boolean) => tf.tensor({ buffer, zeroCopy } as tf.WebGPUData, [4]);
    const optimizer = tf.train.sgd(1);
    const variable = tf.variable(tf.zeros([4]));
    const gradient = tf.ones([4]);
    const step = () => updateOf(optimizer)([{ name: variable.name, tensor: gradient }]);
    await settle(step);
    const shared = wrap(true);
    variable.assign(shared);
    shared.dispose();
    step();
    step();
    assert.deepEqual([...await variable.data()], [-1, 0, 1, 2]);
    const copy = wrap(false);
    assert.deepEqual([...await copy.data()], [1, 2, 3, 4]);
    tf.dispose([variable, gradient, copy]);
  });

  it("A fused update on webgpu accepts the variable itself as its gradient", async () => {
    const [ours, theirs] = [tf.train.sgd(0.5), tf.train.sgd(0.5)];
    const [one, two] = [1, 2].map(() => tf.variable(tf.tensor1d([4, -8])));
    const other = tf.tensor1d([1, -1]);
    let updates = 0;
    await settle(() => {
      updateOf(ours)([{ name: one.name, tensor: other }]);
      updates++;
    });
    for (; updates > 0; updates--) theirs.applyGradients([{ name: two.name, tensor: other }]);
    for (let i = 0; i < 2; i++) {
      updateOf(ours)([{ name: one.name, tensor: one }]);
      theirs.applyGradients([{ name: two.name, tensor: two }]);
    }
    assert.deepEqual(await one.data(), await two.data());
    tf.dispose([one, two, other]);
  });

  it("A fused update on webgpu is not used for an optimizer whose results differ", async () => {
    // The formula gets another momentum than the update.
    const [ours, theirs] = [tf.train.momentum(0.1, 0.9), tf.train.momentum(0.1, 0.5)];
    const other = ours as unknown as { m: tf.Scalar };
    other.m.dispose();
    other.m = Object.assign(tf.scalar(0.5), {
      dataSync: () => Float32Array.of(0.9),
    }) as unknown as tf.Scalar;
    const [one, two] = [1, 2].map(() => tf.variable(tf.tensor1d([4, -8])));
    for (let i = 0; i < 20; i++) {
      const tensor = tf.tensor1d([1, -0.3]);
      assert.notEqual(kernelsOf(() => updateOf(ours)([{ name: one.name, tensor }])), 0);
      theirs.applyGradients([{ name: two.name, tensor }]);
      tensor.dispose();
      await idle();
    }
    assert.deepEqual(await one.data(), await two.data());
    tf.dispose([one, two]);
  });

  it("A fused update on webgpu loses no update on a device that refuses its commands", async () => {
    interface Descriptor {
      layout: object;
      entries: { resource: { size?: number } }[];
    }
    const { device } = tf.backend() as unknown as {
      device: { createBindGroup(descriptor: Descriptor): object };
    };
    const { createBindGroup } = device;
    const [ours, theirs] = [tf.train.adagrad(0.1), tf.train.adagrad(0.1)];
    const variables = [1, 2].map(() => [1, 2, 3].map((size) => tf.variable(tf.ones([size]))));
    const step = () => {
      const tensors = variables[0].map(({ shape }) => tf.ones(shape));
      const [own, other] = variables.map((list) =>
        list.map(({ name }, i) => ({ name, tensor: tensors[i] }))
      );
      const kernels = kernelsOf(() => updateOf(ours)(own));
      theirs.applyGradients(other);
      tf.dispose(tensors);
      return kernels;
    };
    step();
    try {
      device.createBindGroup = ({ layout, entries }) => {
        // Those of an update begin with uniforms, those of TensorFlow.js with a whole buffer.
        const isUpdate = entries.length > 3 && entries[0].resource.size !== undefined;
        return createBindGroup.call(device, {
          layout,
          entries: isUpdate ? entries.slice(1) : entries,
        });
      };
      step();
    } finally {
      device.createBindGroup = createBindGroup;
    }
    for (let i = 0; i < 20; i++) {
      await idle();
      assert.notEqual(step(), 0);
    }
    assert.deepEqual(await stateOf(ours, variables[0]), await stateOf(theirs, variables[1]));
    tf.dispose(variables);
  });

  it("A fused update on webgpu is used by an optimizer that comes from another backend", async () => {
    await tf.setBackend("cpu");
    const [ours, theirs] = [tf.train.adam(0.1), tf.train.adam(0.1)];
    const variables = [1, 2].map(() => tf.variable(tf.tensor1d([1, 2, 3])));
    const step = () => {
      const tensor = tf.tensor1d([0.5, -1, 2]);
      const kernels = kernelsOf(() => updateOf(ours)([{ name: variables[0].name, tensor }]));
      theirs.applyGradients([{ name: variables[1].name, tensor }]);
      tensor.dispose();
      return kernels;
    };
    for (let i = 0; i < 3; i++) step();
    assert.equal(step(), 0);
    await useBackend(tf, "webgpu");
    assert.notEqual(step(), 0, "the device is asked first");
    for (let i = 0; step() > 0; i++) {
      assert.ok(i < 100, "the device answers, and the numbers agree");
      await idle();
    }
    assert.deepEqual(await stateOf(ours, [variables[0]]), await stateOf(theirs, [variables[1]]));
    tf.dispose(variables);
  });
});
