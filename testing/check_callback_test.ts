import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CallbackLike, type Logs, TerminateOnNaN } from "keepfit";
import { checkCallback } from "keepfit/testing";
import { startChild } from "../tests/child.ts";

/** A valid callback: sums up the losses. */
function sum(more: Partial<CallbackLike> = {}): CallbackLike {
  let total = 0;
  let isResumed = false;
  return {
    name: "sum",
    onTrainBegin() {
      if (!isResumed) total = 0;
      isResumed = false;
    },
    onEpochEnd(_epoch, logs) {
      total += logs.loss;
    },
    getState: () => ({ total }),
    setState(state) {
      total = state.total as number;
      isResumed = true;
    },
    ...more,
  };
}

async function problemsOf(more: Partial<CallbackLike>): Promise<string[]> {
  return await checkCallback(() => sum(more));
}

describe("checkCallback", () => {
  it("checkCallback finds no problems in a valid callback, even in training", async () => {
    assert.deepEqual(await checkCallback(() => sum(), { tf }), []);
  });

  it("checkCallback finds changed logs, unless they are allowed", async () => {
    const onEpochEnd = (_epoch: number, logs: Logs) => void (logs.sum = 1);
    const [problem] = await problemsOf({ onEpochEnd });
    assert.match(
      problem,
      /^changes the logs: in onEpochEnd logs\.sum: found 1, expected undefined/,
    );
    assert.deepEqual(await checkCallback(() => sum({ onEpochEnd }), { writesLogs: ["sum"] }), []);
  });

  it("checkCallback finds a callback that behaves differently in a second run", async () => {
    const make = () => {
      let epochs = 0;
      return { onEpochEnd: (_epoch: number, logs: Logs) => void (++epochs > 6 && (logs.late = 1)) };
    };
    const problems = await checkCallback(make, { writesLogs: true });
    assert.match(problems.join("\n"), /in a second run: it behaves differently: the run\./);
  });

  it("checkCallback finds state that is lost, is not plain data, or cannot be restored", async () => {
    const forgetful = await problemsOf({ setState() {} });
    assert.match(
      forgetful.join("\n"),
      /in its state: another instance continues differently: the last state\.total: found 4\.8, expected 11\./,
    );
    const impure = await problemsOf({ getState: () => ({ when: new Date(0) as never }) });
    assert.match(impure.join("\n"), /it is not plain data: state\.when: a Date/);
    const oneWay = await problemsOf({ setState: undefined });
    assert.match(oneWay.join("\n"), /it has only one of getState and setState/);
  });

  it("checkCallback finds failures of every kind of run, even those that a policy hides", async () => {
    const fails = (when: boolean) => {
      if (when) throw new Error("intended");
    };
    const cases: [RegExp, Partial<CallbackLike>][] = [
      [/in a run without validation: .*intended/, {
        onEpochEnd: (_epoch, logs) => fails(logs.val_loss === undefined),
      }],
      [/when everything is NaN: .*intended/, {
        onEpochEnd: (_epoch, logs) => fails(Number.isNaN(logs.loss)),
      }],
      [/when training fails: it failed in onException: intended/, {
        onException: () => fails(true),
      }],
      [/in a scripted run: sum failed in onEpochEnd: intended/, {
        onEpochEnd: () => fails(true),
        onError: "disable",
      }],
    ];
    for (const [wanted, more] of cases) {
      assert.match((await problemsOf(more)).join("\n"), wanted);
    }
    let closed = 0;
    const close = () => fails(++closed > 1);
    assert.match((await problemsOf({ close })).join("\n"), /when it is closed: .*intended/);
  });

  it("checkCallback accepts intended errors", async () => {
    const make = () => new TerminateOnNaN({ raiseError: true });
    assert.match((await checkCallback(make)).join("\n"), /^when everything is NaN: [^\n]*$/);
    assert.deepEqual(await checkCallback(make, { mayFail: /^when everything is NaN/ }), []);
  });

  it("checkCallback finds leaked tensors", async () => {
    const make = () => ({ onTestEnd: () => void tf.scalar(1) });
    const problems = await checkCallback(make, { tf });
    assert.deepEqual(problems, [
      "in a real training: it leaves 2 tensors after training",
      "in a real training: it leaves 1 tensors after evaluate and predict",
    ]);
  });

  it("checkCallback finds a promise that is not awaited", async () => {
    // In a separate process: test runners count such a promise as a failure.
    const testing = new URL("mod.ts", import.meta.url).href;
    const { stdout, stderr, code } = await startChild(`
      const { checkCallback } = await import(${JSON.stringify(testing)});
      const make = () => ({ onTrainEnd() { Promise.reject(new Error("forgotten")); } });
      console.log(JSON.stringify(await checkCallback(make)));
    `).result;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /a promise that is not awaited was rejected: forgotten/);
  });
});
