import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { type CallbackHooks, type CallbackLike, fit } from "keepfit";
import { tensorsLeft } from "./fixtures.ts";

const x = tf.range(0, 6).reshape([6, 1]);
const y = x.mul(2);
const quiet = { verbose: 0 } as const;

function line(): tf.Sequential {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: tf.train.sgd(0.01), loss: "meanSquaredError" });
  return model;
}

/** Hooks that are called after training was stopped in a hook of epoch 1 or of the run. */
async function stoppedIn(hook: keyof CallbackHooks): Promise<string[]> {
  const model = line();
  const seen: string[] = [];
  const names = [
    "onTrainBegin",
    "onEpochBegin",
    "onTrainBatchBegin",
    "onTrainBatchEnd",
    "onTestBegin",
    "onTestBatchBegin",
    "onTestBatchEnd",
    "onTestEnd",
    "onEpochEnd",
    "onTrainEnd",
  ] as const;
  const callback: CallbackLike = {};
  let stopped = false;
  for (const name of names) {
    callback[name] = (...args: unknown[]) => {
      if (stopped) seen.push(`${name} ${Object.keys(args.at(-1) as object)}`.trim());
      if (name === hook) stopped = model.stopTraining = true;
    };
  }
  await fit(model, x, y, {
    ...quiet,
    epochs: 3,
    batchSize: 2,
    validationData: [x, y],
    validationBatchSize: 6,
    callbacks: callback,
  });
  return seen;
}

describe("stopTraining", () => {
  // Each list is the end of the previous one: the remaining hooks without another batch or epoch.
  const all = [
    ["onTrainBegin", "onEpochBegin"],
    ["onEpochBegin", "onTrainBatchBegin"],
    ["onTrainBatchBegin", "onTrainBatchEnd loss"],
    ["onTrainBatchEnd", "onTestBegin"],
    ["onTestBegin", "onTestBatchBegin"],
    ["onTestBatchBegin", "onTestBatchEnd loss"],
    ["onTestBatchEnd", "onTestEnd loss"],
    ["onTestEnd", "onEpochEnd loss,val_loss"],
    ["onEpochEnd", "onTrainEnd loss,val_loss"],
  ] as const;
  all.forEach(([hook], i) => {
    it(`stopTraining in ${hook} keeps validation, epoch end and train end`, async () => {
      assert.deepEqual(await stoppedIn(hook), all.slice(i).map(([, next]) => next));
    });
  });

  it("stopTraining stays set after the run and is cleared by the next one", async () => {
    const model = line();
    model.stopTraining = true;
    assert.equal((await fit(model, x, y, { ...quiet, epochs: 2 })).epoch.length, 2);
    const stop = { onEpochEnd: () => void (model.stopTraining = true) };
    assert.equal(
      (await fit(model, x, y, { ...quiet, epochs: 2, callbacks: stop })).epoch.length,
      1,
    );
    assert.equal(model.stopTraining, true);
  });
});

describe("stopEvaluating", () => {
  it("stopEvaluating ends the validation of an epoch after its batch, not the training", async () => {
    const model = line();
    let batches = 0;
    const history = await fit(model, x, y, {
      ...quiet,
      epochs: 2,
      validationData: [x, y],
      validationBatchSize: 2,
      callbacks: {
        onTestBatchEnd() {
          batches++;
          (model as { stopEvaluating?: boolean }).stopEvaluating = true;
        },
      },
    });
    assert.equal(batches, 2);
    assert.equal(history.history.val_loss.length, 2);
  });
});

describe("A signal", () => {
  const reason = new DOMException("that will do", "AbortError");

  it("A signal ends the run after the batch in which it aborts, with its reason", async () => {
    for (const yieldEvery of ["auto", "batch", "never"] as const) {
      const abort = new AbortController();
      const seen: unknown[] = [];
      const run = fit(line(), x, y, {
        ...quiet,
        batchSize: 2,
        signal: abort.signal,
        yieldEvery,
        callbacks: {
          onTrainBatchBegin: (batch) => void (batch === 1 && abort.abort(reason)),
          onTrainBatchEnd: (batch) => seen.push(batch),
          onEpochEnd: () => seen.push("never"),
          onException: (error) => seen.push(error),
          close: () => seen.push("closed"),
        },
      });
      await assert.rejects(run, (error) => error === reason);
      assert.deepEqual(seen, [0, 1, reason, "closed"]);
    }
  });

  it("A signal that has already aborted ends the run before the first hook", async () => {
    const seen: string[] = [];
    const run = fit(line(), x, y, {
      ...quiet,
      signal: AbortSignal.abort(reason),
      callbacks: { onTrainBegin: () => seen.push("never") },
    });
    await assert.rejects(run, (error) => error === reason);
    assert.deepEqual(seen, []);
  });

  it("A signal also ends a validation", async () => {
    const abort = new AbortController();
    const run = fit(line(), x, y, {
      ...quiet,
      validationData: [x, y],
      signal: abort.signal,
      callbacks: { onTestBatchEnd: () => abort.abort(reason) },
    });
    await assert.rejects(run, (error) => error === reason);
  });

  it("A signal leaks no tensor, and the model can be trained again", async () => {
    const model = line();
    const left = await tensorsLeft(async () => {
      const abort = new AbortController();
      const callbacks = { onTrainBatchEnd: () => abort.abort() };
      await assert.rejects(fit(model, x, y, { ...quiet, signal: abort.signal, callbacks }));
    });
    assert.equal(left, 0);
    assert.equal((await fit(model, x, y, quiet)).epoch.length, 1);
  });
});
