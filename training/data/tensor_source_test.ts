import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { useBackend } from "keepfit/runtime";
import type { BatchSource } from "./data.ts";
import { type Engine, getEngine } from "../../tfjs/engine.ts";
import { tensorSource, type TensorSourceOptions } from "./tensor_source.ts";
import { tensorsLeft } from "../fixtures.ts";

const x = tf.range(0, 14, 1).reshape([7, 2]);
const y = tf.tensor1d([0, 1, 2, 3, 4, 5, 6], "int32");
const wanted = {
  inputNames: ["in"],
  inputShapes: [[null, 2]],
  outputNames: ["out"],
  targetShapes: [undefined],
  lossNames: [undefined],
};

const places: Record<string, { backend: "cpu" | "wasm"; engine: Engine }> = {
  "the host": { backend: "cpu", engine: getEngine() },
  "the heap of wasm": { backend: "wasm", engine: getEngine() },
  // The same engine under another name, so that it is treated as a device.
  "a device": {
    backend: "cpu",
    engine: Object.create(getEngine(), { backendName: { value: "webgpu" } }),
  },
};

/** The content of the batches of an epoch: x, y, weights. */
function read(source: BatchSource, epoch = 0, firstBatch?: number): unknown[] {
  const batches = source.epoch({ epoch, firstBatch, seed: 1 });
  const seen: unknown[] = [];
  for (let batch = batches.next(); batch !== null; batch = batches.next()) {
    if (batch instanceof Promise) throw new Error("a batch of tensors must not be a promise");
    const { xs, ys, weights, size } = batch;
    assert.deepEqual([xs[0].shape, ys[0].shape], [[size, 2], [size, 1]]);
    seen.push([...[xs[0], ys[0], ...weights].map((one) => one && Array.from(one.dataSync()))]);
    batch.dispose();
  }
  return seen;
}

for (const [name, { backend, engine }] of Object.entries(places)) {
  const open = (options: Partial<TensorSourceOptions>) =>
    tensorSource(engine, wanted, x, y, { batchSize: 3, role: "training", ...options });

  describe(`tensorSource on ${name}`, () => {
    before(async () => {
      assert.equal((await useBackend(tf, backend)).backend, backend);
    });

    it("tensorSource returns rows in order, with a smaller last batch", async () => {
      const source = await open({});
      assert.deepEqual([source.steps, source.samples], [3, 7]);
      assert.deepEqual(read(source), [
        [[0, 1, 2, 3, 4, 5], [0, 1, 2], undefined],
        [[6, 7, 8, 9, 10, 11], [3, 4, 5], undefined],
        [[12, 13], [6], undefined],
      ]);
    });

    it("tensorSource keeps x, y and weights of a row together when it shuffles a range", async () => {
      const weights = y.add(10).toFloat();
      const source = await open({
        shuffle: true,
        range: (rows) => [2, rows - 1],
        sampleWeight: weights,
      });
      const seen = [0, 1, 2].map((epoch) => read(source, epoch).flat() as number[][]);
      for (const [x1, y1, w1, x2, y2, w2] of seen) {
        const [xs, ys, ws] = [[...x1, ...x2], [...y1, ...y2], [...w1, ...w2]];
        assert.deepEqual(ys.toSorted(), [2, 3, 4, 5]);
        assert.deepEqual(xs, ys.flatMap((row) => [2 * row, 2 * row + 1]));
        assert.deepEqual(ws, ys.map((row) => row + 10));
      }
    });

    it("tensorSource starts an epoch at any batch", async () => {
      for (const steps of [undefined, 5]) {
        const source = await open({ shuffle: true, steps, wraps: true });
        for (const epoch of [0, 1]) {
          const all = read(source, epoch);
          assert.equal(all.length, source.steps);
          for (let first = 0; first <= all.length; first++) {
            assert.deepEqual(read(source, epoch, first), all.slice(first));
          }
        }
      }
    });

    it("tensorSource keeps the types int32 and bool", async () => {
      const flags = tf.tensor2d([[1, 0], [0, 1]], [2, 2], "bool");
      for (const shuffle of [true, false]) {
        const source = await tensorSource(
          engine,
          { inputNames: ["in"], inputShapes: [[null, 2]] },
          flags,
          undefined,
          {
            batchSize: 2,
            shuffle,
            role: "prediction",
          },
        );
        const batch = source.epoch({ epoch: 0 }).next();
        assert(batch !== null && !(batch instanceof Promise));
        assert.equal(batch.xs[0].dtype, "bool");
        assert.equal(batch.xs[0].dataSync().length, 4);
      }
    });

    it("tensorSource neither changes the user's tensors nor leaks any", async () => {
      const before = [Array.from(x.dataSync()), Array.from(y.dataSync())];
      const left = await tensorsLeft(async () => {
        const source = await open({
          shuffle: true,
          sampleWeight: tf.tidy(() => y.toFloat().asType("float32")),
        });
        read(source, 0);
        read(source, 1);
        await source.close();
      });
      // The weights of the source.
      assert.equal(left, 1);
      assert.deepEqual([Array.from(x.dataSync()), Array.from(y.dataSync())], before);
    });

    it("tensorSource leaks no tensor when one of its tensors cannot be opened", async () => {
      const gone = tf.ones([7, 1]);
      gone.dispose();
      const left = await tensorsLeft(() =>
        tensorSource(engine, wanted, x, gone, { batchSize: 3, role: "training" })
      );
      assert.equal(left, 0);
    });

    it("tensorSource returns wide rows, which are copied as a whole, and narrow rows", async () => {
      for (const width of [1, 48, 49, 100]) {
        const wide = tf.range(0, 4 * width).reshape([4, width]);
        const wanted = { inputNames: ["in"], inputShapes: [[null, width]] };
        const options = { batchSize: 4, shuffle: true, role: "prediction" };
        const source = await tensorSource(engine, wanted, wide, undefined, options);
        const batch = source.epoch({ epoch: 0 }).next();
        assert(batch !== null && !(batch instanceof Promise));
        const rows = await batch.xs[0].array() as number[][];
        const firsts = rows.map(([first]) => first);
        assert.deepEqual(firsts.toSorted((a, b) => a - b), [0, 1, 2, 3].map((row) => row * width));
        for (const row of rows) {
          assert.deepEqual(row, Array.from({ length: width }, (_, i) => row[0] + i));
        }
      }
    });
  });
}

describe("tensorSource with a seed", () => {
  it("tensorSource derives the order of the rows from the seed of the epoch", async () => {
    const source = await tensorSource(getEngine(), wanted, x, y, {
      batchSize: 7,
      shuffle: true,
      role: "training",
    });
    const order = (seed: number) => {
      const batch = source.epoch({ epoch: 0, seed }).next();
      assert(batch !== null && !(batch instanceof Promise));
      const rows = Array.from(batch.ys[0].dataSync());
      batch.dispose();
      return rows;
    };
    const first = order(1);
    assert.notDeepEqual(order(2), first);
    assert.deepEqual(order(1), first);
  });
});

describe("tensorSource on the heap of wasm", () => {
  before(() => useBackend(tf, "wasm"));
  const options = { batchSize: 50_000, role: "prediction" };
  const wanted = { inputNames: ["in"], inputShapes: [[null, 20]] };

  it("tensorSource on the heap of wasm returns the right rows even if the heap grows for them", async () => {
    const large = tf.range(0, 1_000_000).mod(7).reshape([50_000, 20]);
    const [sum] = large.sum().dataSync();
    for (const shuffle of [false, true]) {
      const source = await tensorSource(getEngine(), wanted, large, undefined, {
        ...options,
        shuffle,
      });
      const batches = Array.from({ length: 40 }, () => source.epoch({ epoch: 0 }).next());
      for (const batch of batches) {
        assert(batch !== null && !(batch instanceof Promise));
        assert.equal(batch.xs[0].sum().dataSync()[0], sum);
        batch.dispose();
      }
      await source.close();
    }
    large.dispose();
  });

  it("tensorSource on the heap of wasm keeps its rows if the user disposes the tensor", async () => {
    const own = tf.ones([2, 20]);
    const source = await tensorSource(getEngine(), wanted, own, undefined, options);
    own.dispose();
    const batch = source.epoch({ epoch: 0 }).next();
    assert(batch !== null && !(batch instanceof Promise));
    assert.deepEqual(Array.from(batch.xs[0].dataSync()), Array.from({ length: 40 }, () => 1));
  });
});
