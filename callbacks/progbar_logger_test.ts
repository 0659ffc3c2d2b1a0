import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Params } from "../core/callback.ts";
import { CallbackList } from "../core/callback_list.ts";
import { ProgbarLogger } from "./progbar_logger.ts";
import { drive, losses } from "./fixtures.ts";

/** A logger with a recording terminal and a manual clock. */
function world({ isInteractive = false } = {}) {
  const world = { shown: "", now: 0 };
  const terminal = {
    write: (text: string) => void (world.shown += text),
    isInteractive,
    hasColors: false,
    columns: 200,
  };
  return Object.assign(world, { logger: new ProgbarLogger({ terminal, now: () => world.now }) });
}

const params = (more: Partial<Params> = {}): Params => ({
  verbose: 1,
  epochs: 1,
  steps: 2,
  ...more,
});
const bar = (done: number, rest: number) => "━".repeat(done) + "─".repeat(rest);

describe("ProgbarLogger", () => {
  it("ProgbarLogger writes one line per epoch to a pipe, including the validation values", async () => {
    const pipe = world();
    await drive(pipe.logger, [{ loss: 2, val_loss: 3 }, { loss: 1 }], {
      batches: 3,
      params: { verbose: "auto" },
    });
    assert.equal(
      pipe.shown,
      `Epoch 1/2\n3/3 ${bar(20, 0)} 0s 0s/step - loss: 2.0000 - val_loss: 3.0000\n` +
        `Epoch 2/2\n3/3 ${bar(20, 0)} 0s 0s/step - loss: 1.0000\n`,
    );
  });

  it("ProgbarLogger follows epochs of different lengths, without counts above the target or negative times", async () => {
    const screen = world({ isInteractive: true });
    const list = new CallbackList(screen.logger, { params: params({ steps: null, epochs: 3 }) });
    await list.onTrainBegin();
    for (const [epoch, batches] of [2, 5, 1].entries()) {
      await list.onEpochBegin(epoch);
      for (let batch = 0; batch < batches; batch++) {
        screen.now += 1000;
        await list.onTrainBatchEnd(batch, { loss: batch });
      }
      await list.onEpochEnd(epoch, { loss: 1 });
    }
    const drawn = screen.shown.split(/[\r\n]+/).map((line) => line.replace(/ [━─]+| +$/g, ""));
    assert.deepEqual(drawn.filter((line) => line !== ""), [
      "Epoch 1/3",
      "      1/Unknown 1s 1s/step - loss: 0.0000e+00",
      "      2/Unknown 2s 1s/step - loss: 1.0000",
      "2/2 2s 1s/step - loss: 1.0000",
      "Epoch 2/3",
      "1/2 1s 1s/step - loss: 0.0000e+00",
      "2/2 0s 1s/step - loss: 1.0000",
      "      3/Unknown 3s 1s/step - loss: 2.0000",
      "      4/Unknown 4s 1s/step - loss: 3.0000",
      "      5/Unknown 5s 1s/step - loss: 4.0000",
      "5/5 5s 1s/step - loss: 1.0000",
      "Epoch 3/3",
      "1/5 4s 1s/step - loss: 0.0000e+00",
      "1/1 1s 1s/step - loss: 1.0000",
    ]);
  });

  it("ProgbarLogger redraws one line on a terminal at most every 50 ms, and reads values only then", async () => {
    const screen = world({ isInteractive: true });
    const list = new CallbackList(screen.logger, { params: params({ steps: 4 }) });
    const asked: boolean[] = [];
    const step = async (batch: number, milliseconds: number) => {
      screen.now += milliseconds;
      asked.push(list.readsBatchLogs(batch));
      await list.onTrainBatchEnd(batch, { loss: batch });
    };
    await list.onTrainBegin();
    await list.onEpochBegin(0);
    await step(0, 100);
    await step(1, 49);
    await step(2, 1);
    await step(3, 1);
    await list.onEpochEnd(0, { loss: 9, acc: 1 });
    assert.deepEqual(asked, [true, false, true, false]);
    assert.deepEqual(screen.shown.split("\r"), [
      "",
      `1/4 ${bar(5, 15)} 0s 100ms/step - loss: 0.0000e+00`,
      `3/4 ${bar(15, 5)} 0s 25ms/step - loss: 2.0000     `,
      `4/4 ${bar(20, 0)} 0s 17ms/step - loss: 9.0000 - acc: 1.0000\n`,
    ]);
  });

  it("ProgbarLogger divides the time of a resumed epoch by the steps of this run", async () => {
    const screen = world({ isInteractive: true });
    const list = new CallbackList([screen.logger], {
      params: params({ steps: 1000, epochs: 4, resumedAt: { epoch: 2, batch: 990 } }),
    });
    await list.onTrainBegin();
    await list.onEpochBegin(2);
    for (const batch of [990, 991]) {
      screen.now += 3000;
      await list.onTrainBatchEnd(batch, { loss: 1 });
    }
    screen.now += 8 * 3000;
    await list.onEpochEnd(2, { loss: 1 });
    await list.onEpochBegin(3);
    screen.now += 2000;
    await list.onTrainBatchEnd(0, { loss: 1 });
    assert.deepEqual(screen.shown.replaceAll(/━|─/g, "").split(/\r|\n/), [
      "Epoch 3/4",
      "",
      " 991/1000  27s 3s/step - loss: 1.0000",
      " 992/1000  24s 3s/step - loss: 1.0000",
      "1000/1000  30s 3s/step - loss: 1.0000",
      "Epoch 4/4",
      "",
      "   1/1000  33:18 2s/step - loss: 1.0000",
    ]);
  });

  it("ProgbarLogger is silent with verbose 0, and during validation in fit", async () => {
    const silent = world({ isInteractive: true });
    await drive(silent.logger, losses(2, 1), { batches: 2, params: { verbose: 0 } });
    assert.equal(silent.shown, "");

    const validating = world({ isInteractive: true });
    const list = new CallbackList(validating.logger, { params: params() });
    await list.onTrainBegin();
    await list.onEpochBegin(0);
    await list.onTrainBatchEnd(1, { loss: 1 });
    const { shown } = validating;
    validating.now = 3000;
    await list.onTestBegin();
    await list.onTestBatchEnd(0, { loss: 1 });
    await list.onTestEnd({ loss: 1 });
    assert.equal(validating.shown, shown);
    await list.onEpochEnd(0, {});
    assert.match(validating.shown, /\r2\/2 ━+ 3s 2s\/step - loss: 1.0000\n$/);
  });

  it("ProgbarLogger writes one summary line per epoch with verbose 2", async () => {
    const summary = world({ isInteractive: true });
    await drive(summary.logger, losses(-2), { batches: 2, params: { verbose: 2 } });
    assert.equal(summary.shown, "2/2 - 0s - 0s/step - loss: -2.0000\n");
  });

  it("ProgbarLogger builds the summary line only from the logs of the epoch", async () => {
    const summary = world({ isInteractive: true });
    const list = new CallbackList(summary.logger, { params: params({ verbose: 2 }) });
    await list.onTrainBegin();
    await list.onEpochBegin(0);
    for (const batch of [0, 1]) {
      summary.now += 1000;
      await list.onTrainBatchEnd(batch, { seen: 1, loss: 3 });
    }
    summary.now += 1000;
    await list.onEpochEnd(0, { loss: 2, acc: 1 });
    assert.equal(
      summary.shown.split("\n").at(-2),
      "2/2 - 3s - 2s/step - acc: 1.0000 - loss: 2.0000",
    );
  });

  it("ProgbarLogger shows evaluate, even after a fit, and predict without values", async () => {
    const pipe = world();
    await drive(pipe.logger, losses(1), { batches: 1, params: { verbose: 2 } });
    pipe.shown = "";
    const list = new CallbackList(pipe.logger, { params: params() });
    await list.onTestBegin();
    await list.onTestBatchEnd(0, { loss: 1 });
    await list.onTestBatchEnd(1, { loss: 1 });
    await list.onTestEnd({ loss: 0.5 });
    assert.equal(pipe.shown, `2/2 ${bar(20, 0)} 0s 0s/step - loss: 0.5000\n`);
    pipe.shown = "";
    await list.onPredictBegin();
    await list.onPredictBatchEnd(0, { outputs: 1 });
    await list.onPredictEnd({});
    assert.equal(pipe.shown, `2/2 ${bar(20, 0)} 0s 0s/step\n`);
  });

  it("ProgbarLogger uses the counted number of steps if it is unknown", async () => {
    const screen = world({ isInteractive: true });
    const list = new CallbackList(screen.logger, { params: params({ steps: null }) });
    await list.onTrainBegin();
    for (const epoch of [0, 1]) {
      await list.onEpochBegin(epoch);
      screen.now += 1000;
      await list.onTrainBatchEnd(0, {});
      await list.onEpochEnd(epoch, {});
    }
    assert.deepEqual(screen.shown.split("\r").map((line) => line.trimEnd()), [
      "",
      "      1/Unknown 1s 1s/step",
      `1/1 ${bar(20, 0)} 1s 1s/step`,
      `1/1 ${bar(20, 0)} 0s 1s/step`,
      `1/1 ${bar(20, 0)} 1s 1s/step`,
    ]);
  });

  it("ProgbarLogger shows a stopped epoch as complete, like Keras", async () => {
    const pipe = world();
    const model = { stopTraining: false };
    const stop = { onTrainBatchEnd: () => void (model.stopTraining = true) };
    await drive([stop, pipe.logger], losses(1), { model, batches: 5, params: { verbose: 1 } });
    assert.equal(pipe.shown, `5/5 ${bar(20, 0)} 0s 0s/step - loss: 1.0000\n`);
  });

  it("ProgbarLogger ends an unfinished line when training fails", async () => {
    const screen = world({ isInteractive: true });
    const failing = {
      onTrainBatchEnd(batch: number) {
        assert.equal(batch, 0);
      },
    };
    const run = drive([screen.logger, failing], losses(1), { batches: 3, params: { verbose: 1 } });
    await assert.rejects(run);
    assert.match(screen.shown, /^\r1\/3 .*\n$/);
  });

  it("ProgbarLogger rejects an invalid terminal", () => {
    assert.throws(() => new ProgbarLogger({ terminal: "tty" as never }), TypeError);
    assert.throws(() => new ProgbarLogger({ now: 0 as never }), TypeError);
  });
});
