import * as keepfit from "keepfit";
import { memoryFileSystem } from "keepfit/runtime";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { captured } from "./fixtures.ts";

type Options = Record<string, unknown>;
/** Factories of all callbacks, and their options. */
const made: Record<string, [make: (options: never) => unknown, names: string]> = {
  BackupAndRestore: [
    (options) => new keepfit.BackupAndRestore("backup", options),
    "saveFreq doubleCheckpoint deleteCheckpoint fs onError",
  ],
  CSVLogger: [
    (options) => new keepfit.CSVLogger("log.csv", options),
    "separator append allKeys reserveValColumns fs onError",
  ],
  DeviceStatsMonitor: [(options) => new keepfit.DeviceStatsMonitor(options), "every onError"],
  EarlyStopping: [
    (options) => new keepfit.EarlyStopping(options),
    "monitor mode minDelta minDeltaMode patience stopWhen verbose baseline restoreBestWeights " +
    "startFromEpoch nanIsFirstBest onError",
  ],
  JSONLinesLogger: [
    (options) => new keepfit.JSONLinesLogger("log.jsonl", options),
    "append updateFreq nonFinite fs onError",
  ],
  LambdaCallback: [(options) => new keepfit.LambdaCallback(options), "onEpochEnd name onError"],
  LearningRateFinder: [
    (options) => new keepfit.LearningRateFinder(options),
    "minLearningRate maxLearningRate steps smoothing divergence afterwards plot verbose fs onError",
  ],
  LearningRateMonitor: [
    (options) => new keepfit.LearningRateMonitor(options),
    "every optimizers onError",
  ],
  LearningRateScheduler: [
    (options) => new keepfit.LearningRateScheduler(() => 1, options),
    "every verbose onError",
  ],
  ModelCheckpoint: [
    (options) => new keepfit.ModelCheckpoint("best", options),
    "monitor mode verbose saveBestOnly saveWeightsOnly saveFreq saveEvery saveOnException " +
    "maxToKeep keepBest saveOnBackground initialValueThreshold onMissing includeOptimizer fs onError",
  ],
  ModelSummary: [(options) => new keepfit.ModelSummary(options), "terminal onError"],
  ProgbarLogger: [(options) => new keepfit.ProgbarLogger(options), "terminal now onError"],
  ReduceLROnPlateau: [
    (options) => new keepfit.ReduceLROnPlateau(options),
    "monitor mode minDelta factor patience verbose cooldown fullCooldown minLr onError",
  ],
  RemoteMonitor: [
    (options) => new keepfit.RemoteMonitor(options),
    "root path field headers sendAsJson timeout onError",
  ],
  SpeedMonitor: [(options) => new keepfit.SpeedMonitor(options), "verbose now onError"],
  SwapEMAWeights: [(options) => new keepfit.SwapEMAWeights(options), "swapOnEpoch onError"],
  TensorBoard: [
    (options) => new keepfit.TensorBoard(options),
    "logDir histogramFreq writeGraph writeImages updateFreq embeddingsFreq embeddingsMetadata " +
    "profileBatch hparams flushMillis fs onError",
  ],
  TerminateOnNaN: [(options) => new keepfit.TerminateOnNaN(options), "raiseError onError"],
  Timer: [
    (options) => new keepfit.Timer(Object.assign({ hours: 1 }, options)),
    "seconds minutes every verbose now onError",
  ],
};
const never = [Symbol("s"), 1n, Promise.resolve(1), [], NaN];

describe("Callbacks with invalid options", () => {
  for (const [name, [make, names]] of Object.entries(made)) {
    it(`${name} rejects options that are not an object, and each option of a wrong type, in one sentence`, () => {
      if (name !== "Timer") {
        for (const options of [null, 5, "x", true, Symbol("s"), [], Promise.resolve({}), () => 1]) {
          assert.throws(() => make(options as never), {
            name: "TypeError",
            message: new RegExp(
              `^Cannot create ${name} with options .*: options must be an object`,
            ),
          });
        }
      }
      for (const option of names.split(" ")) {
        for (const value of never) {
          // An empty list of monitors has a separate message.
          if (option === "monitor" && Array.isArray(value)) continue;
          // Two numbers are the first and last batch of a profile.
          assert.throws(
            () => make({ [option]: value } as never),
            (error: Error) => {
              assert.ok(["TypeError", "RangeError"].includes(error.name), String(error));
              assert.ok(
                error.message.startsWith(`Cannot create ${name} with ${option} `),
                error.message,
              );
              return true;
            },
          );
        }
      }
    });
  }

  it("Counts must be whole and finite, and verbose must be 0, 1, 2 or a boolean", () => {
    const refused: [string, Options][] = [
      ["EarlyStopping", { patience: 1.5 }],
      ["EarlyStopping", { patience: Infinity }],
      ["EarlyStopping", { startFromEpoch: 0.5 }],
      ["ReduceLROnPlateau", { patience: 1.5 }],
      ["ReduceLROnPlateau", { cooldown: Infinity }],
      ["ReduceLROnPlateau", { minLr: Infinity }],
      ...[-1, 3, 0.5, Infinity].flatMap((verbose): [string, Options][] =>
        ["EarlyStopping", "ModelCheckpoint", "Timer", "SpeedMonitor"].map((
          name,
        ) => [name, { verbose }])
      ),
    ];
    for (const [name, options] of refused) {
      assert.throws(() => made[name][0](options as never), RangeError, JSON.stringify(options));
    }
  });

  it("A file system and a terminal must have their functions, and a URL must be a file URL", () => {
    for (const fs of [{}, { ...memoryFileSystem(), rename: undefined }]) {
      for (const name of ["CSVLogger", "TensorBoard", "ModelCheckpoint", "BackupAndRestore"]) {
        assert.throws(() => made[name][0]({ fs } as never), {
          name: "RangeError",
          message: /with fs an object: fs must be a file system with readFile, .*, rename, remove$/,
        });
      }
    }
    assert.throws(() => made.ProgbarLogger[0]({ terminal: {} } as never), /a terminal with write$/);
    for (const url of ["https://a.b/c", "file:///a%2Fb", "file:///a%00"]) {
      assert.throws(
        () => new keepfit.CSVLogger(new URL(url)),
        /filename must be a path or a file: URL/,
      );
      assert.throws(() => new keepfit.ModelCheckpoint(new URL(url)), RangeError);
    }
  });

  it("LambdaCallback suggests how to name the hook of a function", () => {
    assert.throws(() => new keepfit.LambdaCallback((() => 1) as never), {
      message: "Cannot create LambdaCallback with options a function: options must be an object; " +
        "name its hook: { onEpochEnd: ... }",
    });
  });

  it("A custom subclass is checked by the same rules", () => {
    class Mine extends keepfit.Callback {}
    assert.throws(() => new Mine(5 as never), /^TypeError: Cannot create Mine with options 5:/);
    assert.throws(() => new Mine({ onError: "ignore" as never }), {
      name: "RangeError",
      message:
        'Cannot create Mine with onError "ignore": onError must be "throw", "disable" or "warn"',
    });
    class Watch extends keepfit.MonitorCallback {}
    assert.throws(
      () => new Watch({ mode: 5 as never }),
      /^TypeError: Cannot create Watch with mode 5/,
    );
  });

  it("CallbackList rejects options of a wrong type, and warns about unknown ones", async () => {
    const refused: [unknown, string][] = [
      [5, "options 5: options must be an object"],
      [[], "options an array: options must be an object"],
      [{ model: 5 }, "model 5: model must be an object"],
      [{ params: "x" }, 'params "x": params must be an object'],
      [{ addHistory: "yes" }, 'addHistory "yes": addHistory must be true or false'],
      [{ addProgbar: true }, "addProgbar true: addProgbar must be a ProgbarLogger or false"],
    ];
    for (const [options, message] of refused) {
      assert.throws(
        () => new keepfit.CallbackList([], options as never),
        new TypeError(`Cannot create CallbackList with ${message}`),
      );
    }
    const { warned } = await captured(() =>
      new keepfit.CallbackList([], { addHistry: true } as never)
    );
    assert.deepEqual(warned, [
      "keepfit: CallbackList has no option 'addHistry', which is ignored: did you mean 'addHistory'?",
    ]);
    new keepfit.CallbackList([], { model: null, params: null } as never);
  });
});
