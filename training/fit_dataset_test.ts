import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import {
  type DatasetBatch,
  type DatasetLike,
  evaluateDataset,
  fitDataset,
  type FitDatasetOptions,
  type History,
  predict,
} from "keepfit";
import { tensorsLeft, warned, weightsOf } from "./fixtures.ts";

function line(): tf.Sequential {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "zeros" })],
  });
  model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanAbsoluteError" });
  return model;
}

/** Numbered batches of one row; `log` records created batches and the end of the iterator. */
function numbered(count: number, log: unknown[] = []): () => Generator<DatasetBatch> {
  return function* () {
    try {
      for (let i = 1; i <= count; i++) {
        log.push(i);
        yield { xs: tf.tensor2d([[i]]), ys: tf.tensor2d([[i]]) };
      }
    } finally {
      log.push("end");
    }
  };
}

const quiet = { verbose: 0 } as const;

describe("fitDataset reading data", () => {
  it("fitDataset reads a generator function, an iterable, an async iterable and a tf.data.Dataset", async () => {
    const make = numbered(3);
    const datasets: DatasetLike[] = [
      make,
      { [Symbol.iterator]: make },
      {
        async *[Symbol.asyncIterator]() {
          yield* make();
        },
      },
      tf.data.generator(make as never) as tf.data.Dataset<tf.TensorContainer>,
      function* () {
        for (let i = 1; i <= 3; i++) yield [tf.tensor1d([i]), { output: tf.tensor1d([i]) }.output];
      },
    ];
    const weights: number[][] = [];
    for (const dataset of datasets) {
      const model = line();
      const { history } = await fitDataset(model, dataset, { ...quiet, epochs: 2 });
      assert.equal(history.loss.length, 2);
      weights.push(weightsOf(model));
    }
    for (const one of weights) assert.deepEqual(one, weights[0]);
    assert.notEqual(weights[0][0], 0);
  });

  it("fitDataset reads each epoch from the start, and closes each iterator", async () => {
    const log: unknown[] = [];
    await fitDataset(line(), numbered(2, log), { ...quiet, epochs: 2 });
    assert.deepEqual(log, [1, 2, "end", 1, 2, "end"]);
  });

  it("fitDataset reads one iterator through all epochs with stepsPerEpoch, and closes it", async () => {
    for (const name of ["stepsPerEpoch", "batchesPerEpoch"]) {
      const log: unknown[] = [];
      await fitDataset(line(), numbered(9, log), { ...quiet, epochs: 2, [name]: 2 });
      assert.deepEqual(log, [1, 2, 3, 4, "end"]);
    }
  });

  it("fitDataset multiplies row weights of each batch by class weights", async () => {
    const batches = (weight: number) =>
      function* (): Generator<DatasetBatch> {
        yield [tf.tensor1d([0, 0]), tf.tensor1d([1, 0]), tf.tensor1d([weight, 5])];
      };
    const { history } = await fitDataset(line(), batches(3), quiet);
    assert.deepEqual(history.loss, [1.5]);
    const classWeight = { 0: 1, 1: 10 };
    const both = await fitDataset(line(), batches(3), { ...quiet, classWeight });
    assert.deepEqual(both.history.loss, [15]);
  });

  it("fitDataset validates on tensors, or on a dataset, from its start each time", async () => {
    const log: unknown[] = [];
    const history = await fitDataset(line(), numbered(1), {
      ...quiet,
      epochs: 2,
      validationData: numbered(5, log),
      validationBatches: 2,
    });
    assert.deepEqual(log, [1, 2, "end", 1, 2, "end"]);
    assert.equal(history.history.val_loss.length, 2);
    const tensors: FitDatasetOptions = {
      ...quiet,
      validationData: [tf.ones([3, 1]), tf.ones([3, 1])],
    };
    assert.equal((await fitDataset(line(), numbered(1), tensors)).history.val_loss.length, 1);
  });
});

describe("fitDataset calling hooks", () => {
  it("fitDataset passes the number of steps if it is known", async () => {
    const steps = async (dataset: DatasetLike, options: FitDatasetOptions = {}) => {
      let told: unknown;
      const callbacks = { setParams: ({ steps }: { steps: number | null }) => void (told = steps) };
      await fitDataset(line(), dataset, { ...quiet, ...options, callbacks });
      return told;
    };
    assert.equal(await steps(numbered(2)), null);
    assert.equal(await steps(numbered(2), { stepsPerEpoch: 2 }), 2);
    const sized = Object.assign(numbered(2), { size: 2 });
    assert.equal(await steps(sized), 2);
  });

  it("fitDataset calls an end hook for each begin hook, even if the data ends unexpectedly", async () => {
    const seen: string[] = [];
    await fitDataset(line(), numbered(2), {
      ...quiet,
      validationData: numbered(1),
      callbacks: {
        onTrainBatchBegin: (batch) => seen.push(`begin ${batch}`),
        onTrainBatchEnd: (batch) => seen.push(`end ${batch}`),
        onTestBatchBegin: (batch) => seen.push(`test begin ${batch}`),
        onTestBatchEnd: (batch) => seen.push(`test end ${batch}`),
      },
    });
    assert.deepEqual(seen, ["begin 0", "end 0", "begin 1", "end 1", "test begin 0", "test end 0"]);
  });
});

describe("fitDataset ending early", () => {
  it("fitDataset ends with an incomplete epoch and one warning when data runs out", async () => {
    const messages = await warned(async () => {
      const history = await fitDataset(line(), numbered(3), {
        ...quiet,
        epochs: 5,
        stepsPerEpoch: 2,
      });
      assert.equal(history.epoch.length, 5);
    });
    assert.equal(messages.length, 1);
    assert.match(messages[0], /the training dataset ran out of data after 1 of 2 batches/);
  });

  it("fitDataset closes the iterator after a stop, an error of a hook and an aborted signal", async () => {
    for (const steps of [undefined, 5]) {
      const log: unknown[] = [];
      const options = { ...quiet, epochs: 9, stepsPerEpoch: steps };
      const model = line();
      await fitDataset(model, numbered(5, log), {
        ...options,
        callbacks: { onTrainBatchEnd: () => void (model.stopTraining = true) },
      });
      const fails = {
        onTrainBatchBegin() {
          throw new Error("oh");
        },
      };
      await assert.rejects(fitDataset(model, numbered(5, log), { ...options, callbacks: fails }));
      const abort = new AbortController();
      const aborts = { onTrainBatchEnd: () => abort.abort(new Error("enough")) };
      await assert.rejects(
        fitDataset(model, numbered(5, log), {
          ...options,
          signal: abort.signal,
          callbacks: aborts,
        }),
        { message: "enough" },
      );
      assert.deepEqual(log, [1, "end", 1, "end", 1, "end"]);
    }
  });

  it("fitDataset rejects with the error of the dataset rather than one of closing it", async () => {
    const batches = {
      [Symbol.iterator]: () => ({
        next(): IteratorResult<DatasetBatch> {
          throw new Error("disk gone");
        },
        return(): IteratorResult<DatasetBatch> {
          throw new Error("cannot close");
        },
      }),
    };
    const messages = await warned(() =>
      assert.rejects(fitDataset(line(), batches, quiet), { message: "disk gone" })
    );
    assert.deepEqual(messages, ["keepfit: closing the data failed too: cannot close"]);
  });

  it("fitDataset rejects with an error of closing if there is no other", async () => {
    const batch = () => ({ xs: tf.ones([1, 1]), ys: tf.ones([1, 1]) });
    const dataset = {
      [Symbol.iterator]: () => ({
        next: (): IteratorResult<DatasetBatch> => ({ done: false, value: batch() }),
        return(): IteratorResult<DatasetBatch> {
          throw new Error("cannot close");
        },
      }),
    };
    await assert.rejects(fitDataset(line(), dataset, { ...quiet, stepsPerEpoch: 1 }), {
      message: "cannot close",
    });
  });
});

describe("fitDataset with invalid data", () => {
  const batch = (value: unknown) =>
    function* (): Generator<DatasetBatch> {
      yield value as DatasetBatch;
    };
  const one = () => tf.ones([2, 1]);
  const refused: [string, () => unknown, RegExp][] = [
    ["no batch at all", () => function* () {}, /the training dataset: it has no batch in epoch 0/],
    [
      "an array",
      () => [{ xs: one(), ys: one() }],
      /an iterable other than an array.*fit\(model, x, y/,
    ],
    ["nothing", () => undefined, /Cannot read this dataset/],
    ["a number", () => 5, /Cannot read this dataset/],
    [
      "an iterator without next",
      () => () => 5,
      /expected an iterator with next\(\), got the number 5/,
    ],
    [
      "an iterator without results",
      () => () => ({ next: () => undefined }),
      /expected \{ value, done \} from next\(\), got undefined/,
    ],
    [
      "string targets",
      () => batch([one(), tf.tensor1d(["a", "b"])]),
      /training ys: expected numbers, got a tensor of dtype string/,
    ],
    [
      "weights that are NaN",
      () => batch([one(), one(), tf.tensor1d([1, NaN])]),
      /training sampleWeight of row 1: expected a finite number, got NaN/,
    ],
    ["a batch that is null", () => batch(null), /expected \{ xs, ys \} or \[xs, ys\], got null/],
    ["a batch without targets", () => batch({ xs: one(), y: one() }), /got \{ xs, y \}/],
    ["a lone tensor", () => batch(one()), /got a tensor/],
    [
      "arrays for tensors",
      () => batch({ xs: [[1]], ys: one() }),
      /xs: expected a tf.Tensor, got a nested array of shape \[1, 1\]; batch a tf.data.Dataset with .batch\(n\), or write tf.tensor2d\(xs\)/,
    ],
    ["another width", () => batch([tf.ones([2, 3]), one()]), /training x of shape \[2,3\]/],
    ["other targets", () => batch([one(), tf.ones([2, 4])]), /training y of shape \[2,4\]/],
    ["other rows", () => batch([one(), tf.ones([3, 1])]), /x has 2 rows, another tensor has 3/],
    ["no rows", () => batch([tf.ones([0, 1]), tf.ones([0, 1])]), /without rows/],
    ["other weights", () => batch([one(), one(), tf.ones([5])]), /sampleWeight of shape \[5\]/],
  ];
  for (const [what, make, message] of refused) {
    it(`fitDataset rejects ${what}, and leaks no tensor`, async () => {
      const model = line();
      let dataset = make();
      await assert.rejects(fitDataset(model, dataset as DatasetLike, quiet), { message });
      await assert.rejects(evaluateDataset(model, make() as DatasetLike, quiet), {
        message: new RegExp(
          message.source.replace("training", "evaluation").replace("fit", "evaluate"),
        ),
      });
      if (Array.isArray(dataset)) return;
      const left = await tensorsLeft(async () => {
        dataset = make();
        await fitDataset(model, dataset as DatasetLike, quiet);
      });
      // A tensor is owned by the generator until it is yielded, which may happen only once.
      assert.equal(left, 0);
    });
  }
});

describe("fitDataset with an exhausted dataset", () => {
  const ends = () => {
    const seen: string[] = [];
    const callbacks = {
      onEpochBegin: (epoch: number) => void seen.push(`begin ${epoch}`),
      onEpochEnd: (epoch: number) => void seen.push(`end ${epoch}`),
      onTrainEnd: (logs: object) => void seen.push(`train end ${Object.keys(logs)}`),
    };
    return { seen, callbacks };
  };
  const usedUp =
    /the training dataset has no batch in epoch \d, so training ends; .* a function that/;

  it("fitDataset stops with a warning and the history when the dataset is exhausted", async () => {
    for (const stepsPerEpoch of [undefined, 1, 2]) {
      const { seen, callbacks } = ends();
      const epochs = 9;
      let history: History | undefined;
      const warnings = await warned(async () => {
        const options = { ...quiet, epochs, stepsPerEpoch, callbacks };
        history = await fitDataset(line(), numbered(2)(), options);
      });
      const trained = stepsPerEpoch === 1 ? 2 : 1;
      assert.equal(history?.epoch.length, trained);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0], usedUp);
      assert.deepEqual(seen.slice(-2), [`begin ${trained}`, "train end loss"]);
    }
  });

  it("fitDataset fails when a dataset has no batch at all", async () => {
    const { seen, callbacks } = ends();
    await assert.rejects(fitDataset(line(), numbered(0)(), { ...quiet, epochs: 2, callbacks }), {
      name: "RangeError",
      message: /it has no batch in epoch 0; .* a function that returns a new iterator/,
    });
    assert.deepEqual(seen, ["begin 0"]);
  });

  it("fitDataset fails in the first epoch without a batch of validation data", async () => {
    for (const [validationFreq, epoch] of [[1, 1], [2, 3]]) {
      const options = { ...quiet, epochs: 5, validationData: numbered(2)(), validationFreq };
      await assert.rejects(fitDataset(line(), numbered(2), options), {
        name: "RangeError",
        message: new RegExp(`the validation dataset: it has no batch in epoch ${epoch};`),
      });
    }
  });
});

describe("fitDataset with an endless dataset", () => {
  const endless = () =>
    tf.data.array([1, 2]).map((value) => ({
      xs: tf.tensor1d([Number(value)]),
      ys: tf.tensor1d([1]),
    })).batch(1).repeat() as DatasetLike;
  const limit = { ...quiet, callbacks: { onTrainBatchBegin: fail, onTestBatchBegin: fail } };
  function fail() {
    throw new Error("a batch has begun");
  }

  it("fitDataset rejects an endless dataset before the first batch, and names the option that ends it", async () => {
    const model = line();
    const runs: [Promise<unknown>, RegExp][] = [
      [
        fitDataset(model, endless(), limit),
        /training dataset: it is endless, so set stepsPerEpoch/,
      ],
      [
        fitDataset(model, numbered(2), { ...limit, validationData: endless() }),
        /validation dataset: it is endless, so set validationSteps/,
      ],
      [
        evaluateDataset(model, endless(), limit),
        /evaluation dataset: it is endless, so set steps/,
      ],
      [
        predict(model, endless(), { verbose: 0 }),
        /prediction dataset: it is endless, so set steps to the number/,
      ],
    ];
    for (const [run, message] of runs) await assert.rejects(run, { name: "RangeError", message });
  });

  it("fitDataset accepts an endless dataset with a number of steps", async () => {
    const validationData = endless();
    const options = { ...quiet, stepsPerEpoch: 2, validationSteps: 1, validationData };
    const { history } = await fitDataset(line(), endless(), options);
    assert.deepEqual(Object.keys(history), ["loss", "val_loss"]);
    await evaluateDataset(line(), endless(), { ...quiet, steps: 1 });
  });
});

describe("fitDataset with tensors that are yielded twice", () => {
  it("fitDataset explains tensors that are yielded twice, in one epoch and over several", async () => {
    const batch = { xs: tf.ones([2, 1]), ys: tf.ones([2, 1]) };
    const runs: [DatasetLike, number][] = [
      [() => [batch, batch][Symbol.iterator](), 1],
      [new Set([{ xs: tf.ones([2, 1]), ys: tf.ones([2, 1]) }]), 2],
    ];
    for (const [dataset, epochs] of runs) {
      await assert.rejects(fitDataset(line(), dataset, { ...quiet, epochs }), {
        name: "TypeError",
        message: /training xs: the tensor is disposed; the loop disposes .* yield a clone\(\)/,
      });
    }
  });

  it("fitDataset accepts a tensor as both input and target of one batch", async () => {
    await fitDataset(line(), function* () {
      const both = tf.ones([2, 1]);
      yield { xs: both, ys: both };
    }, quiet);
  });
});
