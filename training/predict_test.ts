import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { type Params, predict, type PredictLogs } from "keepfit";
import { furthest, tensorsLeft, warned } from "./fixtures.ts";

const x = tf.randomNormal([5, 2], 0, 1, "float32", 1);
const quiet = { verbose: 0 } as const;

function dense(): tf.Sequential {
  return tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [2] })] });
}

function twoByTwo(): tf.LayersModel {
  const a = tf.input({ shape: [2], name: "a" });
  const b = tf.input({ shape: [2], name: "b" });
  const sum = tf.layers.add().apply([a, b]) as tf.SymbolicTensor;
  const product = tf.layers.multiply().apply([a, b]) as tf.SymbolicTensor;
  return tf.model({ inputs: [a, b], outputs: [sum, product] });
}

async function valuesOf(outputs: tf.Tensor | tf.Tensor[]): Promise<number[]> {
  return [outputs].flat().flatMap((one) => Array.from(one.dataSync()));
}

describe("predict returning outputs", () => {
  it("predict returns tfjs's outputs for every batch size, compiled or not", async () => {
    const model = dense();
    const expected = await valuesOf(model.predict(x));
    for (const batchSize of [undefined, 1, 2, 5]) {
      const outputs = await predict(model, x, { ...quiet, batchSize }) as tf.Tensor;
      assert.deepEqual(outputs.shape, [5, 3]);
      assert(furthest(await valuesOf(outputs), expected) < 1e-6);
    }
  });

  it("predict returns one tensor for each of several outputs, from inputs in order or by name", async () => {
    const y = x.add(1);
    for (const inputs of [[x, y], { b: y, a: x }]) {
      const [sum, product] = await predict(twoByTwo(), inputs, {
        ...quiet,
        batchSize: 2,
      }) as tf.Tensor[];
      assert(furthest(sum.dataSync(), x.add(y).dataSync()) < 1e-6);
      assert(furthest(product.dataSync(), x.mul(y).dataSync()) < 1e-6);
    }
  });

  it("predict returns outputs that outlive the batch, even if they are inputs", async () => {
    const input = tf.input({ shape: [2] });
    const models = [
      tf.model({ inputs: input, outputs: input }),
      tf.sequential({ layers: [tf.layers.dropout({ rate: 0.5, inputShape: [2] })] }),
    ];
    for (const model of models) {
      const outputs = await predict(model, x, { ...quiet, batchSize: 5 });
      assert.deepEqual(await valuesOf(outputs), Array.from(x.dataSync()));
    }
  });

  it("predict adds a second axis to inputs of rank 1, and keeps integer types", async () => {
    const model = tf.sequential({
      layers: [tf.layers.embedding({ inputDim: 4, outputDim: 2, inputLength: 1 })],
    });
    const outputs = await predict(model, tf.tensor1d([0, 3, 1], "int32"), quiet) as tf.Tensor;
    assert.deepEqual(outputs.shape, [3, 1, 2]);
  });

  it("predict accepts every form of batches in a dataset, and ignores targets", async () => {
    const model = dense();
    const expected = await valuesOf(model.predict(x));
    const forms: ((part: () => tf.Tensor) => unknown)[] = [
      (part) => part(),
      (part) => ({ xs: part() }),
      (part) => [part()],
      (part) => [part(), tf.ones([1])],
      (part) => ({ xs: part(), ys: tf.ones([1]) }),
    ];
    for (const form of forms) {
      const dataset = function* () {
        for (let row = 0; row < 5; row++) yield form(() => x.slice([row], [1])) as never;
      };
      const left = await tensorsLeft(async () => {
        const outputs = await predict(model, dataset, quiet) as tf.Tensor;
        assert(furthest(await valuesOf(outputs), expected) < 1e-6);
        outputs.dispose();
      });
      assert.equal(left, 0, `${form}`);
    }
  });

  it("predict predicts some batches with steps, and each row once", async () => {
    const some = await predict(dense(), x, { ...quiet, batchSize: 2, steps: 2 }) as tf.Tensor;
    assert.equal(some.shape[0], 4);
    const messages = await warned(async () => {
      const all = await predict(dense(), x, { ...quiet, batchSize: 2, steps: 9 }) as tf.Tensor;
      assert.equal(all.shape[0], 5);
    });
    assert.equal(messages.length, 1);
  });
});

describe("predict calling hooks", () => {
  it("predict calls the predict hooks with the outputs of the batch", async () => {
    const seen: unknown[] = [];
    let params: Params | undefined;
    await predict(dense(), x, {
      ...quiet,
      batchSize: 3,
      callbacks: {
        setParams: (given) => void (params = given),
        onTestBegin: () => seen.push("never"),
        onPredictBegin: (logs) => seen.push(["begin", logs]),
        onPredictBatchBegin: (batch) => seen.push(["batch", batch]),
        onPredictBatchEnd: (batch, { outputs }: PredictLogs) =>
          seen.push([batch, (outputs as tf.Tensor).shape]),
        onPredictEnd: (logs) => seen.push(["end", logs]),
        close: () => seen.push("closed"),
      },
    });
    assert.deepEqual(seen, [
      ["begin", {}],
      ["batch", 0],
      [0, [3, 3]],
      ["batch", 1],
      [1, [2, 3]],
      ["end", {}],
      "closed",
    ]);
    assert.deepEqual(params, { verbose: 0, epochs: 1, steps: 2, samples: 5 });
  });

  it("predict passes one tensor per output if there are several", async () => {
    let shapes: number[][] = [];
    const callbacks = {
      onPredictBatchEnd: (_batch: number, { outputs }: PredictLogs) =>
        void (shapes = (outputs as tf.Tensor[]).map(({ shape }) => shape)),
    };
    await predict(twoByTwo(), [x, x], { ...quiet, callbacks });
    assert.deepEqual(shapes, [[5, 2], [5, 2]]);
  });

  it("predict calls only the end hooks after stopPredicting, and returns the outputs so far", async () => {
    const model = dense();
    const outputs = await predict(model, x, {
      ...quiet,
      batchSize: 2,
      callbacks: {
        onPredictBatchBegin: () =>
          void ((model as { stopPredicting?: boolean }).stopPredicting = true),
      },
    }) as tf.Tensor;
    assert.equal(outputs.shape[0], 2);
    assert.equal((await predict(model, x, { ...quiet, batchSize: 2 }) as tf.Tensor).shape[0], 5);
  });
});

describe("predict and tensors", () => {
  it("predict leaves only its outputs", async () => {
    const model = twoByTwo();
    const options = { ...quiet, batchSize: 2, callbacks: { onPredictBatchEnd() {} } };
    assert.equal(await tensorsLeft(() => predict(model, [x, x], options)), 2);
  });
});
