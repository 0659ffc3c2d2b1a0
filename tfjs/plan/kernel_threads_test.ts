import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compiledParts } from "../compiled.ts";
import { getEngine } from "../engine.ts";
import { drawingFrom } from "../random_seed.ts";
import { seeded, seedWeights, start } from "./fixtures.ts";
import { KernelThreads } from "./kernel_threads.ts";
import type { Kernels } from "./kernels.ts";
import { type PlanMemory, planMemory } from "./memory.ts";
import { planStep } from "./step_plan.ts";
import type { WorkSharing } from "./work_sharing.ts";

const { layers } = tf;
type Layers = tf.layers.Layer[];

/** Computes every part of a work alone, the last first, in scratch memory with nothing behind it. */
function inParts(memory: PlanMemory, least: number): WorkSharing & { parts: number } {
  return {
    least,
    parts: 0,
    run({ count, unit, multiplyAdds, scratchSize }, own, compute) {
      if (multiplyAdds < least) return compute(0, count, memory.kernels, own);
      const scratch = memory.allocate((scratchSize + 1) * 4);
      for (let part = Math.ceil(count / unit) - 1; part >= 0; part--) {
        this.parts++;
        const at = scratch >> 2;
        memory.floats().fill(NaN, at, at + scratchSize + 1);
        compute(part * unit, Math.min(count, (part + 1) * unit), memory.kernels, scratch);
        assert(
          Number.isNaN(memory.floats()[at + scratchSize]),
          "it writes behind its scratch memory",
        );
      }
      memory.free(scratch);
    },
  };
}

/**
 * Results of a training step: outputs, loss and gradients.
 *
 * @param least multiply-adds of the work that is computed in parts
 */
function train(inputShape: number[], make: () => Layers, rows: number, least: number) {
  const engine = getEngine();
  const memory = planMemory(engine) as PlanMemory;
  const share = inParts(memory, least);
  const model = tf.sequential({
    layers: [layers.dense({ inputShape, units: inputShape.at(-1)! }), ...make()],
  });
  seedWeights(model);
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  const none = () => assert.fail("a custom function is called");
  const step = planStep(
    engine,
    compiledParts(model, "fit"),
    { ...memory, share },
    true,
    { loss: none, metric: none },
  );
  const random = seeded(5);
  const tensor = ([, ...row]: (number | null)[]) => {
    const size = (row as number[]).reduce((a, b) => a * b, rows);
    return tf.tensor(Float32Array.from({ length: size }, random), [rows, ...row as number[]]);
  };
  const [x, y] = [model.inputs, model.outputs].map(([{ shape }]) => tensor(shape));
  const batch = { xs: [x], ys: [y], weights: [undefined], size: rows };
  const { outputs, values, gradients } = drawingFrom(
    engine,
    5,
    rows,
    () => step.computeWithDetails(batch),
  );
  const results = [
    ...outputs.map(({ values }) => [...values]),
    [...values],
    ...gradients.map(({ tensor }) => [...tensor.dataSync()]),
  ];
  assert(results.every((values) => values.every(Number.isFinite)));
  step.dispose();
  model.dispose();
  tf.dispose([x, y]);
  return { results, parts: share.parts };
}

describe("Work that threads share", () => {
  const { conv2d, conv2dTranspose, conv3d, dense, gru } = layers;
  const same = { padding: "same" } as const;
  const sequences = { returnSequences: true };
  const networks: [string, input: number[], make: () => Layers, rows: number, least?: number][] = [
    [
      "dense layers",
      [21],
      () => [dense({ units: 35, activation: "relu" }), dense({ units: 9 })],
      11,
    ],
    ["dense layers of 600 rows", [9], () => [dense({ units: 17 }), dense({ units: 1 })], 600],
    ["a layer with one unit", [33], () => [dense({ units: 1, activation: "relu" })], 5],
    ["a convolution", [9, 8, 3], () => [conv2d({ filters: 11, kernelSize: 3, ...same })], 7],
    ["strides", [9, 9, 2], () => [conv2d({ filters: 8, kernelSize: 3, strides: 2 })], 9],
    ["large images", [40, 30, 1], () => [conv2d({ filters: 5, kernelSize: [2, 3] })], 3],
    [
      "maxima of a convolution",
      [20, 19, 4],
      () => [
        conv2d({ filters: 11, kernelSize: 3, activation: "relu", ...same }),
        layers.maxPooling2d({ poolSize: 2 }),
        conv2d({ filters: 5, kernelSize: 2 }),
        layers.maxPooling2d({ poolSize: [3, 2], strides: 2 }),
      ],
      7,
    ],
    ["a transpose", [5, 4, 6], () => [conv2dTranspose({ filters: 9, kernelSize: 3, ...same })], 6],
    ["a volume", [4, 5, 3, 2], () => [conv3d({ filters: 3, kernelSize: 2 })], 5],
    ["time steps of an LSTM", [5, 6], () => [layers.lstm({ units: 13 })], 9],
    ["time steps of a GRU", [4, 3], () => [gru({ units: 10, returnSequences: true })], 6],
    ["time steps of a SimpleRNN", [4, 3], () => [layers.simpleRNN({ units: 18 })], 5],
    ["an LSTM", [5, 6], () => [layers.lstm({ units: 13 })], 22, 5e4],
    [
      "an LSTM with a mask and dropout",
      [5, 1],
      () => [
        // About half of the time steps are masked.
        layers.thresholdedReLU({ theta: -0.7 }),
        layers.masking({ maskValue: 0 }),
        layers.lstm({ units: 7, dropout: 0.3, recurrentDropout: 0.4, returnSequences: true }),
      ],
      21,
      2e4,
    ],
    ["a GRU", [4, 3], () => [gru({ units: 10, goBackwards: true })], 30, 2e4],
    ["a SimpleRNN", [4, 3], () => [layers.simpleRNN({ units: 18, ...sequences })], 22, 2e4],
    [
      "both directions",
      [6, 3],
      () => [
        layers.bidirectional({
          layer: gru({ units: 9, ...sequences }) as never,
          mergeMode: "concat",
        }),
      ],
      29,
      1e4,
    ],
  ];
  for (const [what, input, make, rows, least = 0] of networks) {
    it(`Work that threads share has the same bits in parts: ${what}`, async () => {
      await start("wasm");
      const { results, parts } = train(input, make, rows, least);
      assert(parts > 6, `${parts} parts`);
      assert.deepEqual(results, train(input, make, rows, Infinity).results);
    });
  }

  it("Work that threads share is computed once, even if its calls do not fit into the queue", () => {
    const computed: number[] = [];
    const zero = (part: number, scratch: number) => {
      if (scratch === 64) computed.push(part);
    };
    const kernels = { zero } as unknown as Kernels;
    const heap = { _malloc: () => 1024, _free: () => {} };
    const sharing = new KernelThreads(3, heap).sharing(kernels);
    const work = { count: 85, unit: 2, multiplyAdds: 1e12, scratchSize: 8 };
    let calls = 0;
    for (const times of [1, 2000]) {
      sharing.run(work, 64, (begin, end, kernels, scratch) => {
        for (let i = 0; i < times; i++) {
          calls++;
          for (let part = begin; part < end; part++) if (i === 0) kernels.zero(part, scratch);
          if (i > 0) kernels.zero(begin, 0);
        }
      });
      assert.deepEqual(computed.splice(0).toSorted((a, b) => a - b), [...Array(85).keys()]);
    }
    assert(calls > 4000);
  });

  it("Work that threads share is computed by one thread if there is no scratch memory for others", () => {
    const heap = { _malloc: () => 0, _free: () => {} };
    const kernels = {} as Kernels;
    const sharing = new KernelThreads(1, heap).sharing(kernels);
    const parts: number[][] = [];
    const work = { count: 80, unit: 8, multiplyAdds: 1e8, scratchSize: 8 };
    sharing.run(work, 16, (begin, end, with_, scratch) => {
      assert.equal(with_, kernels);
      parts.push([begin, end, scratch]);
    });
    assert.deepEqual(parts, [[0, 80, 16]]);
  });
});
