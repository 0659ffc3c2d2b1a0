import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import {
  BackupAndRestore,
  type CallbackHooks,
  type CallbackLike,
  evaluateDataset,
  fit,
  fitDataset,
  predict,
} from "keepfit";
import { memoryFileSystem } from "keepfit/runtime";
import { captured } from "../callbacks/fixtures.ts";
import { tensorsLeft } from "./fixtures.ts";

const x = tf.range(0, 6).reshape([6, 1]);
const y = x.mul(2);
const quiet = { verbose: 0 } as const;
const reason = new DOMException("that will do", "AbortError");
const never = new Promise<never>(() => {});

function line(): tf.Sequential {
  const layer = tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones" });
  const model = tf.sequential({ layers: [layer] });
  model.compile({ optimizer: tf.train.sgd(0.01), loss: "meanSquaredError" });
  return model;
}

/** Run with a clock on which seconds pass immediately. */
async function withoutWaiting<T>(run: () => Promise<T>): Promise<T> {
  const { setTimeout } = globalThis;
  const quick = (call: () => void, ms = 0) => setTimeout(call, ms >= 5000 ? 0 : ms);
  globalThis.setTimeout = quick as unknown as typeof setTimeout;
  try {
    return await run();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}

/** Batches of which one never arrives; `requested` is called when it is requested. */
function hanging(
  at: number,
  requested: () => void,
  seen: string[] = [],
): () => AsyncGenerator<never> {
  return async function* () {
    try {
      for (let i = 0; i < 3; i++) {
        if (i === at) {
          requested();
          await never;
        }
        yield { xs: tf.fill([2, 1], i), ys: tf.fill([2, 1], 2 * i) } as never;
      }
    } finally {
      seen.push("closed");
    }
  };
}

const batches = hanging(-1, () => {});

type Verb = (model: tf.Sequential, data: never, signal: AbortSignal) => Promise<unknown>;

/** Calls that wait for a dataset. */
const verbs: { [name: string]: Verb } = {
  fitDataset: (model, data, signal) => fitDataset(model, data, { ...quiet, signal }),
  "fitDataset with stepsPerEpoch": (model, data, signal) =>
    fitDataset(model, data, { ...quiet, signal, stepsPerEpoch: 2, epochs: 2 }),
  "the validation of fit": (model, validationData, signal) =>
    fit(model, x, y, { ...quiet, signal, validationData }),
  evaluateDataset: (model, data, signal) => evaluateDataset(model, data, { ...quiet, signal }),
  predict: (model, data, signal) => predict(model, data, { ...quiet, signal }),
};

describe("A signal that aborts while a batch is pending", () => {
  for (const [verb, run] of Object.entries(verbs)) {
    for (const at of [0, 2]) {
      it(`A signal that aborts while a batch is pending ends ${verb} at batch ${at}`, async () => {
        const abort = new AbortController();
        const requested = () => void setTimeout(() => abort.abort(reason));
        const model = line();
        const left = await tensorsLeft(async () => {
          const running = run(model, hanging(at, requested) as never, abort.signal);
          await assert.rejects(running, (error) => error === reason);
        });
        assert.equal(left, 0);
      });
    }
  }

  it("A signal that aborts while a batch is pending closes the iterator, and disposes a late batch", async () => {
    const abort = new AbortController();
    let come = (_: IteratorResult<unknown>): void => {};
    let isClosed = false;
    const iterator = {
      next: () => {
        setTimeout(() => abort.abort(reason));
        return new Promise<IteratorResult<never>>((resolve) => come = resolve as typeof come);
      },
      return: () => {
        isClosed = true;
        return never;
      },
    };
    const options = { ...quiet, signal: abort.signal };
    await assert.rejects(fitDataset(line(), () => iterator, options), (error) => error === reason);
    assert.ok(isClosed);
    const { numTensors } = tf.memory();
    come({ done: false, value: { xs: tf.ones([2, 1]), ys: tf.ones([2, 1]) } });
    await new Promise((resolve) => setTimeout(resolve));
    assert.equal(tf.memory().numTensors, numTensors);
  });

  it("A signal that aborts while a batch is pending closes a late iterator", async () => {
    const abort = new AbortController();
    let give = (_: AsyncIterator<never>): void => {};
    const data = () => {
      setTimeout(() => abort.abort(reason));
      return new Promise<AsyncIterator<never>>((resolve) => give = resolve);
    };
    const running = fitDataset(line(), data as never, { ...quiet, signal: abort.signal });
    await assert.rejects(running, (error) => error === reason);
    await new Promise<void>((closed) => {
      const result = { done: true, value: undefined } as const;
      give({
        next: async () => result,
        async return() {
          closed();
          return result;
        },
      });
    });
  });

  it("A signal that aborts while a batch is pending saves the run, which later continues with that batch", async () => {
    const whole = await trained((model) => fitDataset(model, batches, { ...quiet, epochs: 2 }));
    for (const at of [0, 1, 2]) {
      for (const validates of [false, true]) {
        const fs = memoryFileSystem();
        const options = () => ({
          ...quiet,
          epochs: 2,
          callbacks: [new BackupAndRestore("backup", { fs, saveFreq: false })],
        });
        const abort = new AbortController();
        const broken = hanging(at, () => void setTimeout(() => abort.abort(reason)));
        const running = fitDataset(line(), validates ? batches : broken, {
          ...options(),
          ...(validates && { validationData: broken }),
          signal: abort.signal,
        });
        await assert.rejects(running, (error) => error === reason);
        const begun: string[] = [];
        const resumed = await trained(async (model) => {
          const saw = { onTrainBatchBegin: (batch: number) => void begun.push(`${batch}`) };
          const { callbacks, ...others } = options();
          await fitDataset(model, batches, {
            ...others,
            ...(validates && { validationData: batches }),
            callbacks: [...callbacks, saw],
          });
        });
        assert.deepEqual(resumed, whole);
        const left = ["0", "1", "2"].slice(validates ? 3 : at);
        assert.deepEqual(begun, [...left, "0", "1", "2"]);
      }
    }
  });
});

async function trained(run: (model: tf.Sequential) => Promise<unknown>): Promise<number[][]> {
  const model = line();
  await run(model);
  return model.getWeights().map((weight) => Array.from(weight.dataSync()));
}

const hooks = [
  "setModel",
  "onTrainBegin",
  "onEpochBegin",
  "onTrainBatchBegin",
  "onTrainBatchEnd",
  "onYield",
  "onTestBegin",
  "onTestBatchBegin",
  "onTestBatchEnd",
  "onTestEnd",
  "onEpochEnd",
  "onTrainEnd",
] as const;

describe("A signal that aborts while a hook does not return", () => {
  for (const hook of hooks) {
    it(`A signal that aborts while a hook does not return ends the run in ${hook}, with onException and close`, async () => {
      const abort = new AbortController();
      const seen: unknown[] = [];
      const hangs: CallbackLike = {
        [hook]: () => {
          setTimeout(() => abort.abort(reason));
          return never;
        },
        close: () => seen.push("closed"),
      };
      const other: CallbackLike = {
        [hook]: () => seen.push("never"),
        onException: (error) => seen.push(error),
        close: () => seen.push("closed too"),
      };
      const { warned } = await captured(() =>
        withoutWaiting(() =>
          assert.rejects(
            fit(line(), x, y, {
              ...quiet,
              batchSize: 2,
              yieldEvery: "batch",
              validationData: [x, y],
              signal: abort.signal,
              callbacks: [hangs, ...hook === "setModel" ? [] : [other]],
            }),
            (error) => error === reason,
          )
        )
      );
      if (hook === "setModel") return assert.deepEqual(seen, ["closed"]);
      assert.deepEqual(seen, [reason, "closed", "closed too"]);
      assert.deepEqual(warned, [
        `keepfit: the run ends without ${hook} of callback (plain object): it has not returned 5 s ` +
        `after the run was aborted`,
      ]);
    });
  }

  it("A signal that aborts while a hook does not return waits for a hook that returns, and saves between two batches", async () => {
    const abort = new AbortController();
    const fs = memoryFileSystem();
    const seen: string[] = [];
    const running = fit(line(), x, y, {
      ...quiet,
      batchSize: 2,
      signal: abort.signal,
      callbacks: [new BackupAndRestore("backup", { fs, saveFreq: false }), {
        async onTrainBatchEnd() {
          abort.abort(reason);
          await new Promise((resolve) => setTimeout(resolve, 5));
          seen.push("returned");
        },
      }],
    });
    await assert.rejects(running, (error) => error === reason);
    assert.deepEqual(seen, ["returned"]);
    assert.ok((await fs.stat("backup/latest.safetensors")).isFile);
  });

  for (const hook of ["onException", "close"] satisfies (keyof CallbackHooks)[]) {
    it(`A signal that aborts while a hook does not return ends the run even if ${hook} does not return either`, async () => {
      const abort = new AbortController();
      const seen: string[] = [];
      const { warned } = await captured(() =>
        withoutWaiting(() =>
          assert.rejects(
            fit(line(), x, y, {
              ...quiet,
              signal: abort.signal,
              callbacks: [
                { [hook]: () => never, onTrainBatchEnd: () => abort.abort(reason) },
                { [hook]: () => seen.push(hook) },
              ],
            }),
            (error) => error === reason,
          )
        )
      );
      assert.deepEqual(seen, [hook]);
      assert.match(warned.join(), /failed in \w+: it has not returned 30 s after the run/);
    });
  }

  it("A signal that aborts while a hook does not return ends evaluate and predict", async () => {
    const runs = {
      onTestBatchEnd: evaluateDataset,
      onPredictBatchEnd: predict,
    };
    for (const [hook, run] of Object.entries(runs)) {
      const abort = new AbortController();
      const hangs = { [hook]: () => (setTimeout(() => abort.abort(reason)), never) };
      const options = { ...quiet, signal: abort.signal, callbacks: [hangs] };
      const { warned } = await captured(() =>
        withoutWaiting(() =>
          assert.rejects(run(line(), batches, options), (error) => error === reason)
        )
      );
      assert.equal(warned.length, 1);
    }
  });

  it("A signal that aborts while a hook does not return ends a run whose plugin is still loading, and closes it", async () => {
    const abort = new AbortController();
    const running = fit(line(), x, y, {
      ...quiet,
      signal: abort.signal,
      callbacks: new URL("https://127.0.0.1:1/plugin.json") as never,
    });
    abort.abort(reason);
    await assert.rejects(running, (error) => error === reason);
  });
});
