import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { getEngine } from "../engine.ts";
import { networkOf } from "../network.ts";
import { Arena } from "./arena.ts";
import { Builder } from "./builder.ts";
import { convolve } from "./convolution.ts";
import { planAgrees, seeded, start } from "./fixtures.ts";
import { type Block, sizeOf } from "./graph.ts";
import type { PoolingWindows } from "./kernels/pool.ts";
import { type PlanMemory, planMemory } from "./memory.ts";
import { planLayers } from "./plan.ts";
import { type Axes, type Axis, axisOf, flatAxis } from "./windows.ts";

const { layers } = tf;

/** A convolution and a pooling of its output. */
interface Case {
  axes: Axes;
  pool: Axes;
  C: number;
  N: number;
  hasInputGradient: boolean;
  rows: number;
}

/**
 * Assert that a convolution within the windows of a pooling computes what they read, and that the
 * gradients from maxima are those from the whole output. All values are small integers, so that
 * sums are exact and many maxima are equal.
 *
 * @returns whether some pixels are not computed, and whether there are gradients from maxima
 */
function assertSame(
  { axes, pool, C, N, hasInputGradient, rows }: Case,
  name: string,
): { isPartial: boolean; hasMaxima: boolean } {
  const random = seeded(11);
  const memory = planMemory(getEngine()) as PlanMemory;
  const { kernels } = memory;
  const builder = new Builder(memory, []);
  const map = convolve(builder, axes, C, N, hasInputGradient);
  const ofMaxima = map.maxima!(pool);
  const pixels = (of: Axes, side: "input" | "output") => sizeOf(of.map((axis) => axis[side]));
  const K = sizeOf(axes.map(({ size }) => size)) * C;
  const [x, dx, expectedDx] = [1, 2, 3].map(() => builder.perRow(pixels(axes, "input") * C));
  const forwardWithin = map.forwardWithin!(pool);
  const [y, dy, partial] = [1, 2, 3].map(() => builder.perRow(pixels(axes, "output") * N));
  const [most, dmost] = [1, 2].map(() => builder.perRow(pixels(pool, "output") * N));
  const [w, dw, expectedDw] = [1, 2, 3].map(() => builder.fixed(K * N));
  const arena = new Arena(memory, builder.blocks);
  arena.reserve(rows);
  const valuesOf = ({ address, size, isPerRow }: Block) =>
    memory.floats().subarray(address >> 2, (address >> 2) + size * (isPerRow ? rows : 1));
  const fill = (block: Block) => {
    const values = valuesOf(block);
    values.forEach((_, i) => values[i] = Math.floor(random() * 5) - 2);
  };
  for (const block of [x, w, dmost]) fill(block);
  map.forward(rows, x, w, y, 0, false);
  const outputs = valuesOf(y);
  if (forwardWithin !== undefined) {
    valuesOf(partial).fill(NaN);
    forwardWithin(rows, x, w, partial, 0, false);
    const read = readBy(pool);
    const expected = outputs.map((value, i) =>
      read.has(Math.floor(i / N) % pixels(axes, "output")) ? value : NaN
    );
    assert.deepEqual(valuesOf(partial), expected, name);
  }
  outputs.forEach((_, i) => outputs[i] = random() < 0.2 ? NaN : outputs[i]);
  const [high, wide] = pool;
  // deno-fmt-ignore
  const windows: PoolingWindows = [
    high.input, wide.input, N, high.output, wide.output, high.size, wide.size,
    high.stride, wide.stride, high.paddingBefore, wide.paddingBefore,
  ];
  kernels.maxPool(rows, ...windows, y.address, most.address);
  kernels.maxPoolGradient(
    ...[rows, ...windows, y.address, most.address, dmost.address, dy.address, 0] as const,
  );
  map.weightGradient(rows, x, dy, expectedDw);
  if (hasInputGradient) map.inputGradient(rows, dy, w, expectedDx);
  if (ofMaxima !== undefined) {
    for (const block of [dw, dx]) valuesOf(block).fill(NaN);
    const expected = [...valuesOf(most)];
    valuesOf(most).fill(NaN);
    ofMaxima.find(rows, y, most);
    assert.deepEqual([...valuesOf(most)], expected, name);
    ofMaxima.list(rows, dmost);
    ofMaxima.weightGradient(rows, x, ofMaxima.lists, dw);
    assert.deepEqual([...valuesOf(dw)], [...valuesOf(expectedDw)].map(positive), name);
    if (hasInputGradient) {
      ofMaxima.inputGradient(rows, ofMaxima.lists, w, dx);
      assert.deepEqual([...valuesOf(dx)], [...valuesOf(expectedDx)].map(positive), name);
    }
  }
  arena.free();
  memory.release();
  return { isPartial: forwardWithin !== undefined, hasMaxima: ofMaxima !== undefined };
}

/** Pixels of an image that windows read. */
function readBy([high, wide]: Axes): Set<number> {
  const read = new Set<number>();
  const each = (axis: Axis, run: (pixel: number) => void) => {
    for (let window = 0; window < axis.output; window++) {
      for (let tap = 0; tap < axis.size; tap++) {
        const pixel = window * axis.stride + tap - axis.paddingBefore;
        if (pixel >= 0 && pixel < axis.input) run(pixel);
      }
    }
  };
  each(high, (row) => each(wide, (column) => read.add(row * wide.input + column)));
  return read;
}

const positive = (value: number) => value === 0 ? 0 : value;

describe("A pooled convolution", () => {
  it("A pooled convolution has the results and gradients of its whole output, for any windows", async () => {
    await start("cpu");
    const random = seeded(2);
    const below = (n: number) => Math.floor(random() * n);
    let [partial, count] = [0, 0];
    for (let i = 0; i < 300; i++) {
      const padding = below(2) === 0 ? "valid" : "same";
      const isFlat = below(4) === 0;
      const axes = [0, 1].map((axis) =>
        isFlat && axis === 0 ? flatAxis : axisOf(
          9 + below(i % 20 === 0 ? 40 : 6),
          1 + below(4),
          1 + below(2),
          1 + below(2),
          padding,
        )
      );
      const pool = axes.map(({ output }) =>
        axisOf(output, 1 + below(3), 1 + below(3), 1, below(4) === 0 ? "same" : "valid")
      );
      if ([...axes, ...pool].some(({ output }) => output < 1)) continue;
      const hasInputGradient = below(2) === 0;
      const C = hasInputGradient ? 4 * (1 + below(3)) : 1 + below(9);
      const one = { axes, pool, C, N: 4 + below(9), hasInputGradient, rows: 1 + below(9) };
      const { isPartial, hasMaxima } = assertSame(one, JSON.stringify(one));
      if (isPartial) partial++;
      if (hasMaxima) count++;
    }
    assert(partial > 80, `${partial} of them leave out pixels`);
    assert(count > 100, `${count} of them have gradients from maxima`);
  });

  it("Gradients from maxima need whole windows, fewer maxima than pixels, and four channels", async () => {
    await start("cpu");
    const conv = axisOf(12, 3, 1, 1, "valid");
    const whole = axisOf(10, 2, 2, 1, "valid");
    const one = { C: 4, N: 8, hasInputGradient: true, rows: 1 };
    const isFaster = (pool: typeof conv, other = {}) =>
      assertSame({ axes: [conv, conv], pool: [pool, pool], ...one, ...other }, "").hasMaxima;
    assert.equal(isFaster(whole), true);
    assert.equal(isFaster(axisOf(10, 3, 3, 1, "same")), false);
    assert.equal(isFaster(axisOf(10, 3, 1, 1, "valid")), false);
    assert.equal(isFaster(whole, { N: 3 }), false);
    assert.equal(isFaster(whole, { C: 3 }), false);
    assert.equal(isFaster(whole, { C: 3, hasInputGradient: false }), true);
  });
});

describe("A compiled convolution in front of a max pooling", () => {
  const { averagePooling2d, conv1d, conv2d, conv3d, maxPooling1d, maxPooling2d, maxPooling3d } =
    layers;
  type Network = [what: string, input: number[], layers: () => tf.layers.Layer[]];
  const networks: Network[] = [
    ...([undefined, "relu", "relu6", "elu", "sigmoid", "swish", "softmax"] as const).map(
      (activation): Network => [`activation ${activation}`, [12, 11, 2], () => [
        conv2d({ filters: 8, kernelSize: 3, activation }),
        maxPooling2d({ poolSize: 2 }),
        conv2d({ filters: 5, kernelSize: 2, padding: "same", activation }),
        maxPooling2d({ poolSize: 2 }),
      ]],
    ),
    ["no bias", [9, 9, 3], () => [
      conv2d({ filters: 4, kernelSize: 3, padding: "same", useBias: false }),
      maxPooling2d({ poolSize: 3, strides: 2 }),
    ]],
    ["gaps between the windows", [9, 11, 3], () => [
      conv2d({ filters: 4, kernelSize: 2, activation: "tanh" }),
      maxPooling2d({ poolSize: 2, strides: 3 }),
    ]],
    ["an average", [9, 11, 3], () => [
      conv2d({ filters: 4, kernelSize: 2, activation: "relu" }),
      averagePooling2d({ poolSize: 2, strides: [2, 4] }),
    ]],
    ["a series", [20, 4], () => [
      conv1d({ filters: 6, kernelSize: 3, padding: "same", activation: "tanh" }),
      maxPooling1d({ poolSize: 2 }),
    ]],
    ["a volume", [4, 6, 6, 4], () => [
      conv3d({ filters: 4, kernelSize: 2, activation: "relu" }),
      maxPooling3d({ poolSize: 2 }),
    ]],
    ["a view of the output", [8, 8, 4], () => [
      conv2d({ filters: 4, kernelSize: 1, activation: "relu" }),
      layers.reshape({ targetShape: [4, 16, 4] }),
      maxPooling2d({ poolSize: 2 }),
    ]],
    ["time steps", [3, 8, 8, 2], () => [
      layers.timeDistributed({ layer: conv2d({ filters: 4, kernelSize: 3 }) }),
      layers.timeDistributed({ layer: maxPooling2d({ poolSize: 2 }) }),
    ]],
  ];
  for (const [what, inputShape, make] of networks) {
    it(`A compiled convolution in front of a max pooling matches TensorFlow.js: ${what}`, () =>
      planAgrees(what, () =>
        tf.sequential({
          layers: [
            layers.dense({ inputShape, units: 4 }),
            ...make(),
            layers.flatten(),
            layers.dense({ units: 2 }),
          ],
        })));
  }

  it("A compiled convolution in front of a max pooling leaves the pooling nothing to do backward", async () => {
    await start("cpu");
    const model = tf.sequential({
      layers: [
        conv2d({ inputShape: [8, 8, 1], filters: 4, kernelSize: 3, activation: "relu" }),
        maxPooling2d({ poolSize: 2 }),
      ],
    });
    const memory = planMemory(getEngine()) as PlanMemory;
    const trained = model.layers[0].trainableWeights as unknown as { id: number }[];
    const { operations } = planLayers(networkOf(model, "fit"), memory, trained.map(({ id }) => id));
    assert.deepEqual(operations.map(({ backward }) => backward !== undefined), [true, false]);
    memory.release();
    model.dispose();
  });

  it("A compiled convolution with two max poolings matches TensorFlow.js", () =>
    planAgrees("two max poolings", () => {
      const input = tf.input({ shape: [8, 8, 1] });
      const convolved = conv2d({ filters: 4, kernelSize: 3 })
        .apply(input) as tf.SymbolicTensor;
      const pooled = [2, 3].map((poolSize) =>
        maxPooling2d({ poolSize }).apply(convolved) as tf.SymbolicTensor
      );
      return tf.model({ inputs: input, outputs: pooled });
    }));

  it("A compiled convolution with another reader than the pooling matches TensorFlow.js", () =>
    planAgrees("two readers", () => {
      const input = tf.input({ shape: [8, 8, 1] });
      const convolved = conv2d({ filters: 4, kernelSize: 3 })
        .apply(input) as tf.SymbolicTensor;
      const pooled = maxPooling2d({ poolSize: 2 }).apply(convolved) as tf.SymbolicTensor;
      const mean = layers.averagePooling2d({ poolSize: 2 }).apply(convolved) as tf.SymbolicTensor;
      return tf.model({ inputs: input, outputs: [pooled, mean] });
    }));
});
