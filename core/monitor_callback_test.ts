import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import type { Params } from "./callback.ts";
import type { Logs } from "./logs.ts";
import { MonitorCallback, type MonitorOptions } from "./monitor_callback.ts";
import { directionOf } from "./monitor_direction.ts";
import { warned } from "./fixtures.ts";

class Watch extends MonitorCallback {}

/** A callback that has received the params of a run. */
function watch(options: MonitorOptions, params: Partial<Params> = {}): Watch {
  const callback = new Watch(options);
  callback.setParams({ verbose: 0, epochs: 1, steps: 1, ...params });
  return callback;
}

describe("directionOf", () => {
  const directions: [string, "min" | "max" | undefined][] = [
    ["loss", "min"],
    ["val_loss", "min"],
    ["left_arm_loss", "min"],
    ["acc", "max"],
    ["val_accuracy", "max"],
    ["a_b_categoricalAccuracy", "max"],
    ["val_out_acc", "max"],
    ["precision", "max"],
    ["recall_1", "max"],
    ["auc", "max"],
    ["r2Score", "max"],
    ["meanSquaredError", "min"],
    ["mean_squared_error", "min"],
    ["MAE", "min"],
    ["cosineProximity", "min"],
    ["learning_rate", undefined],
    ["metric", undefined],
    ["lossless", undefined],
  ];
  for (const [key, direction] of directions) {
    it(`directionOf returns ${direction} for ${key}`, () =>
      assert.equal(directionOf(key, {}), direction));
  }

  it("directionOf prefers the direction that the metric declares", () => {
    assert.equal(directionOf("val_accuracy", { accuracy: "min" }), "min");
  });
});

describe("MonitorCallback", () => {
  it("MonitorCallback has Keras's defaults", () => {
    const { monitor, mode, minDelta, best } = new Watch();
    assert.deepEqual([monitor, mode, minDelta, best], ["val_loss", "auto", 0, undefined]);
  });

  it("MonitorCallback warns about an unknown mode and continues with auto", async () => {
    let mode: string | undefined;
    const messages = await warned(() => void (mode = new Watch({ mode: "up" as never }).mode));
    assert.equal(mode, "auto");
    assert.equal(messages.length, 1);
    assert.match(messages[0], /Watch mode 'up' is unknown, using "auto"/);
  });

  it("MonitorCallback suggests the nearest mode", async () => {
    for (const [mode, meant] of [["maximum", "max"], ["minimize", "min"], ["Max", "max"]]) {
      const [message] = await warned(() => void new Watch({ mode: mode as never }));
      assert.match(message, new RegExp(`or "auto"; did you mean '${meant}'\\?$`));
    }
  });

  it("MonitorCallback derives the direction from the declarations of the run", () => {
    const callback = watch({ monitor: "val_wape" }, { directions: { wape: "min" } });
    callback.resolveMode();
    assert.equal(callback.mode, "min");
  });

  it("MonitorCallback fails for an unknown direction, and lists the logged keys", () => {
    const callback = watch({ monitor: "speed" }, { metrics: ["loss", "speed"] });
    assert.throws(() => callback.resolveMode(), {
      name: "TypeError",
      message: "Cannot determine whether Watch should minimize or maximize 'speed': set mode to " +
        '"min" or "max". This run logs loss, speed',
    });
    const misspelt = watch({ monitor: "val_acuracy" }, { metrics: ["loss", "val_accuracy"] });
    assert.throws(
      () => misspelt.resolveMode(),
      /This run logs loss, val_accuracy; did you mean 'val_accuracy'\?$/,
    );
    // Also without a value to compare with.
    assert.throws(() => callback.isImprovement(1, undefined), /set mode/);
  });

  it("MonitorCallback requires more than minDelta, regardless of its sign, in both directions", () => {
    const down = watch({ monitor: "loss", minDelta: -0.5 });
    assert.equal(down.isImprovement(0.5, 1), false);
    assert.equal(down.isImprovement(0.25, 1), true);
    const up = watch({ monitor: "acc", minDelta: 0.5 });
    assert.equal(up.isImprovement(1.5, 1), false);
    assert.equal(up.isImprovement(1.75, 1), true);
    assert.equal(up.isImprovement(-5, undefined), true);
  });

  it('MonitorCallback measures minDelta relative to the reference with minDeltaMode: "relative"', () => {
    const down = watch({ monitor: "loss", minDelta: 0.25, minDeltaMode: "relative" });
    assert.equal(down.isImprovement(3, 4), false);
    assert.equal(down.isImprovement(2.9, 4), true);
    assert.equal(down.isImprovement(-5.1, -4), true);
    assert.equal(down.isImprovement(-5, -4), false);
    assert.equal(down.isImprovement(5, Infinity), true);
  });

  it("MonitorCallback monitors the result of a function", async () => {
    function ratio(logs: Logs): number {
      return logs.val_loss / logs.loss;
    }
    const callback = watch({ monitor: ratio, mode: "min" });
    assert.equal(callback.monitor, "ratio");
    assert.equal(callback.monitorValue({ loss: 2, val_loss: 3 }, ""), 1.5);
    // Its name may be that of a metric, which has no meaning.
    assert.throws(() =>
      watch({
        monitor: function loss() {
          return 0;
        },
      }).resolveMode(), /set mode/);
    const missing = watch({ monitor: (logs) => logs.auc, mode: "max" });
    const messages = await warned(() => missing.monitorValue({ loss: 1 }, "nothing is saved"));
    assert.equal(messages.length, 1);
  });

  it("MonitorCallback awaits a function that returns a promise or a tensor", async () => {
    for (
      const monitor of [
        () => Promise.resolve(0.5),
        () => tf.scalar(0.5),
        () => Promise.resolve(tf.scalar(0.5)),
      ]
    ) {
      const callback = watch({ monitor, mode: "max" });
      assert.equal(await callback.monitorValue({ loss: 1 }, ""), 0.5);
    }
  });

  it("MonitorCallback treats null as missing, and fails for values that are not numbers", async () => {
    const callback = watch({ monitor: "f1", mode: "max" });
    const messages = await warned(() => {
      assert.equal(callback.monitorValue({ f1: null, loss: 1 } as never, "so what"), undefined);
    });
    assert.deepEqual(messages, [
      "keepfit: Watch monitors 'f1', which is not available; so what. Available are: loss",
    ]);
    for (const [value, shown] of [["high", '"high"'], [[1, 2], "an array"]]) {
      assert.throws(
        () => callback.monitorValue({ f1: value } as never, ""),
        new TypeError(`Cannot monitor 'f1' for Watch: expected a number, got ${shown}`),
      );
    }
  });

  it("MonitorCallback detects a difference below the precision of float32", () => {
    const callback = watch({ monitor: "loss" });
    assert.equal(callback.isImprovement(1 - 1e-9, 1), true);
    assert.equal(Math.fround(1 - 1e-9), 1);
  });

  it("MonitorCallback never treats NaN as an improvement, except as an allowed first best", () => {
    const callback = watch({ monitor: "loss" });
    assert.equal(callback.isImprovement(NaN, undefined), false);
    assert.equal(callback.isImprovement(NaN, 1), false);
    const keras = watch({ monitor: "loss", nanIsFirstBest: true });
    assert.equal(keras.isImprovement(NaN, undefined), true);
    assert.equal(keras.isImprovement(NaN, 1), false);
    assert.equal(keras.isImprovement(1, NaN), false);
  });

  it("MonitorCallback warns once per run about a missing value, and lists the available ones", async () => {
    const callback = watch({});
    const messages = await warned(() => {
      assert.equal(callback.monitorValue({ loss: 1, mae: 2 }, "nothing is saved"), undefined);
      callback.monitorValue({ loss: 1 }, "nothing is saved");
      callback.resetMonitorWarning();
      callback.monitorValue({ loss: 1 }, "nothing is saved");
    });
    assert.equal(messages.length, 2);
    assert.equal(
      messages[0],
      "keepfit: Watch monitors 'val_loss', which is not available; nothing is saved. " +
        "Available are: loss,mae",
    );
    assert.equal(callback.monitorValue({ val_loss: 0 }, ""), 0);
  });

  it("MonitorCallback suggests the nearest key, or what is missing", async () => {
    const cases: [monitor: string, doValidation: boolean, said: string][] = [
      ["val_acuracy", true, "; did you mean 'val_accuracy'?"],
      ["valAccuracy", true, "; did you mean 'val_accuracy'?"],
      ["f1", true, ""],
      // Validation runs in other epochs.
      ["val_loss", true, ""],
      [
        "val_loss",
        false,
        "; the run has no validation data: pass validationData or validationSplit, or monitor " +
        "'loss'",
      ],
    ];
    for (const [monitor, doValidation, said] of cases) {
      const callback = watch({ monitor, mode: "max" }, { doValidation });
      const logs = { loss: 1, val_accuracy: 1 };
      assert.deepEqual(await warned(() => void callback.monitorValue(logs, "so what")), [
        `keepfit: Watch monitors '${monitor}', which is not available; so what${said}. ` +
        "Available are: loss,val_accuracy",
      ]);
    }
  });
});
