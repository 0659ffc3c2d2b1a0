import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import {
  Callback,
  type CallbackLike,
  CallbackList,
  EarlyStopping,
  History,
  type Params,
  ProgbarLogger,
} from "keepfit";
import { errorOf, warned } from "./fixtures.ts";

/** A model that tfjs's callbacks accept. */
function tinyModel(): tf.Sequential {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  return model;
}

const params: Params = { verbose: 0, epochs: 3, steps: 2 };

describe("CallbackList flattening callbacks", () => {
  it("CallbackList accepts one callback, nested lists and other lists, and ignores missing values", () => {
    const a = { onEpochEnd() {} };
    const b = new History();
    const c = { close() {} };
    assert.deepEqual(new CallbackList(a).callbacks, [a]);
    assert.deepEqual(new CallbackList(null).callbacks, []);
    assert.deepEqual(
      new CallbackList([[a, [null, false]], undefined, new CallbackList([b, [c]])]).callbacks,
      [a, b, c],
    );
  });

  it("CallbackList accepts instances of tfjs's classes together with plain objects and its own", async () => {
    const seen: string[] = [];
    class Theirs extends tf.Callback {
      override async onEpochEnd(epoch: number, logs?: tf.Logs) {
        seen.push(`theirs ${epoch} ${logs?.loss} ${this.model === model} ${this.params.epochs}`);
      }
    }
    class Ours extends Callback {
      override onEpochEnd(epoch: number) {
        seen.push(`ours ${epoch}`);
      }
    }
    const model = tinyModel();
    const list = new CallbackList([
      { onEpochEnd: (epoch: number) => seen.push(`plain ${epoch}`) },
      new Theirs(),
      new Ours(),
      new tf.CustomCallback({ onEpochEnd: (epoch) => void seen.push(`custom ${epoch}`) }),
      tf.callbacks.earlyStopping({ monitor: "loss", patience: 0 }),
    ], { model: model as never, params });
    await list.onTrainBegin();
    await list.onEpochEnd(0, { loss: 1 });
    assert.notEqual(model.stopTraining, true);
    await list.onEpochEnd(1, { loss: 2 });
    assert.equal(model.stopTraining, true);
    assert.deepEqual(
      seen,
      [0, 1].flatMap((epoch) => [
        `plain ${epoch}`,
        `theirs ${epoch} ${epoch + 1} true 3`,
        `ours ${epoch}`,
        `custom ${epoch}`,
      ]),
    );
  });

  it("CallbackList calls only the hooks that a tfjs callback overrides", () => {
    class Epochs extends tf.Callback {
      override async onEpochEnd() {}
    }
    class Deeper extends Epochs {}
    const list = new CallbackList(new Deeper());
    assert.equal(list.has("onEpochEnd"), true);
    assert.equal(list.has("onEpochBegin"), false);
    assert.equal(list.has("onTrainBatchEnd"), false);
    assert.equal(list.onTrainBatchEnd(0, {}), undefined);
  });

  it("CallbackList rejects values that are not callbacks", async () => {
    const refused: [unknown, RegExp][] = [
      [History, /History is a class; write new History\(/],
      [tf.Callback, /Callback is a class; write new Callback\(/],
      [class {}, /it is a class; write new TheClass\(/],
      [
        tf.callbacks.earlyStopping,
        /earlyStopping is a function; call it, earlyStopping\(\.\.\.\), /,
      ],
      [() => ({}), /it is a function; call it .*or name its hook: \{ onEpochEnd: \.\.\. \}/],
      [
        { onEpochEnds() {} },
        /none of the hooks \(.*onTrainBegin.*has onEpochEnds; 'onEpochEnds' is not a hook: did you mean 'onEpochEnd'/,
      ],
      [{}, /none of the hooks/],
      [{ onEpochEnd: 5 }, /its onEpochEnd is a number; a hook is a function/],
      [{ onEpochEnd() {}, onError: "ignore" }, /its onError is "ignore"; it must be "throw"/],
      [Promise.resolve(new History()), /a promise; await it/],
      [5, /got number 5/],
      ["https://a.b/c", /"https:\/\/a\.b\/c" must be loaded first.* await loadPlugin\("https/],
      [[{ plugin: new URL("file:///a") }], /"file:\/\/\/a" must be loaded first/],
      [
        {
          get onEpochEnd() {
            throw new Error("look away");
          },
        },
        /it cannot be inspected: look away/,
      ],
      [[true], /got boolean true/],
    ];
    for (const [callbacks, message] of refused) {
      const error = await errorOf(() => new CallbackList(callbacks as CallbackLike));
      assert.equal(error.code, "CALLBACK_INVALID");
      assert.match(error.message, message);
    }
  });

  it("CallbackList warns about members that look like hooks but are never called", async () => {
    class Theirs extends Callback {
      on_epoch_end() {}
      onTrainStart() {}
      ongoing() {}
      override onEpochEnd() {}
    }
    assert.deepEqual(
      await warned(() =>
        new CallbackList([
          new Theirs(),
          { onEpochStart: () => {}, onEpochEnd() {}, onBatch: 5 } as CallbackLike,
          tf.callbacks.earlyStopping(),
        ])
      ),
      [
        "keepfit: Theirs has no hook 'on_epoch_end', which is never called: did you mean 'onEpochEnd'?",
        "keepfit: Theirs has no hook 'onTrainStart', which is never called: did you mean 'onTrainBegin'?",
        "keepfit: (plain object) has no hook 'onEpochStart', which is never called: did you mean " +
        "'onEpochBegin'?",
      ],
    );
  });

  it("CallbackList warns about misspelled members, in Keras's or tfjs's spelling, and about nested callbacks", async () => {
    class Theirs extends Callback {
      set_model() {}
      readsbatchlogs() {}
      get onEpochStart(): unknown {
        throw new Error("look away");
      }
      // Other methods, which do not look like hooks.
      once() {}
      onMessage() {}
      beforeSave() {}
      setThreshold() {}
      stopping = new EarlyStopping({ monitor: "loss" });
      override onEpochEnd() {}
    }
    const said = await warned(() =>
      new CallbackList([
        new Theirs(),
        {
          onEpochEnd() {},
          get_state() {},
          onXyzzy() {},
          onEarlyStop: new EarlyStopping({ monitor: "loss" }),
          best: 5,
          helper() {},
        } as CallbackLike,
      ])
    );
    const warning = (owner: string, name: string) =>
      `keepfit: ${owner} has no hook '${name}', which is never called: `;
    const plain = "(plain object)";
    assert.deepEqual(said.slice(0, 3), [
      `${warning("Theirs", "set_model")}did you mean 'setModel'?`,
      `${warning("Theirs", "readsbatchlogs")}did you mean 'readsBatchLogs'?`,
      `${warning(plain, "get_state")}did you mean 'getState'?`,
    ]);
    assert.ok(said[3].startsWith(`${warning(plain, "onXyzzy")}available are beforeTrainBegin, `));
    assert.deepEqual(said.slice(4), [
      `${warning(plain, "onEarlyStop")}it is a callback, so add it to the list of callbacks`,
    ]);
  });

  it("CallbackList rejects an unknown policy", () => {
    assert.throws(() => new CallbackList([], { onError: "ignore" as never }), {
      name: "RangeError",
      message: 'Cannot use onError "ignore": it must be "throw", "disable" or "warn"',
    });
  });

  it("CallbackList rejects duplicates", async () => {
    const history = new History();
    const error = await errorOf(() => new CallbackList([history, [history]]));
    assert.equal(error.code, "CALLBACK_DUPLICATE");
    assert.match(error.message, /Cannot use History twice/);
  });
});

describe("CallbackList adding callbacks", () => {
  it("CallbackList appends a history if there is none and addHistory is set", () => {
    const mine = new History();
    assert.equal(new CallbackList([{ close() {} }]).history, undefined);
    assert.equal(new CallbackList([mine, { close() {} }], { addHistory: true }).history, mine);
    const list = new CallbackList([{ close() {} }], { addHistory: true });
    assert.equal(list.callbacks.length, 2);
    assert.equal(list.callbacks[1], list.history);
  });

  it("CallbackList appends a progress bar after the history, unless there is one", () => {
    const names = (list: CallbackList) => list.callbacks.map((one) => one.constructor.name);
    const addProgbar = new ProgbarLogger();
    const list = new CallbackList([], { addHistory: true, addProgbar });
    assert.deepEqual(names(list), ["History", "ProgbarLogger"]);
    assert.deepEqual(names(new CallbackList(list, { addProgbar })), names(list));
  });

  it("CallbackList sets the history of the model", () => {
    const model: { history?: History } = {};
    const list = new CallbackList([], { model: model as never, addHistory: true });
    assert.equal(model.history, list.history);
  });
});
