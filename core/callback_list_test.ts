import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  Callback,
  type CallbackLike,
  CallbackList,
  type ErrorPolicy,
  type Logs,
  type Params,
} from "keepfit";
import { errorOf, warned } from "./fixtures.ts";
import { withClock } from "../tests/clock.ts";

const params: Params = { verbose: 0, epochs: 3, steps: 2 };

describe("CallbackList calling hooks", () => {
  const hooks = [
    ["onTrainBegin", []],
    ["onEpochBegin", [4]],
    ["onTrainBatchBegin", [7]],
    ["onTrainBatchEnd", [7]],
    ["onTestBegin", []],
    ["onTestBatchBegin", [2]],
    ["onTestBatchEnd", [2]],
    ["onTestEnd", []],
    ["onEpochEnd", [4]],
    ["onTrainEnd", []],
    ["onPredictBegin", []],
    ["onPredictBatchBegin", [1]],
    ["onPredictBatchEnd", [1]],
    ["onPredictEnd", []],
  ] as const;
  for (const [hook, at] of hooks) {
    it(`CallbackList calls ${hook}, with its arguments, in list order`, async () => {
      const seen: unknown[] = [];
      const one = { [hook]: (...args: unknown[]) => seen.push(["one", ...args]) };
      const two = { [hook]: (...args: unknown[]) => seen.push(["two", ...args]) };
      const list = new CallbackList([one, two] as CallbackLike[]);
      const logs = hook === "onPredictBatchEnd" ? { outputs: "a tensor" } : { loss: 1 };
      await (list[hook] as (...args: unknown[]) => unknown)(...at, logs);
      assert.deepEqual(seen, [["one", ...at, logs], ["two", ...at, logs]]);
    });
  }

  it("CallbackList calls hooks under their older names unless the current one exists", async () => {
    const seen: string[] = [];
    const list = new CallbackList([
      { onBatchBegin: () => seen.push("old begin"), onBatchEnd: () => seen.push("old end") },
      { onBatchEnd: () => seen.push("never"), onTrainBatchEnd: () => seen.push("new end") },
    ]);
    await list.onTrainBatchBegin(0);
    await list.onBatchEnd(0);
    assert.deepEqual(seen, ["old begin", "old end", "new end"]);
  });

  it("CallbackList calls hooks on the callback itself, with its fields and inherited hooks", async () => {
    class Counter extends Callback {
      epochs = 0;
      override onEpochEnd() {
        this.epochs++;
      }
    }
    class Louder extends Counter {}
    const counter = new Louder();
    const list = new CallbackList(counter);
    await list.onEpochEnd(0);
    await list.onEpochEnd(1);
    assert.equal(counter.epochs, 2);
  });

  it("CallbackList calls one hook after another, awaiting each promise", async () => {
    const seen: string[] = [];
    const list = new CallbackList([
      {
        onEpochEnd: () =>
          new Promise<void>((done) => setTimeout(() => (seen.push("slow"), done()))),
      },
      { onEpochEnd: () => seen.push("fast") },
    ]);
    await list.onEpochEnd(0);
    assert.deepEqual(seen, ["slow", "fast"]);
  });

  it("CallbackList returns no promise if no hook does", () => {
    const list = new CallbackList([{ onEpochEnd: () => 5 }, {
      onEpochEnd: () => Promise.resolve(),
      onTrainBatchEnd: () => {},
    }]);
    assert.equal(list.onTrainBatchEnd(0, { loss: 1 }), undefined);
    assert.equal(list.onTestBatchEnd(0, { loss: 1 }), undefined);
    assert(list.onEpochEnd(0) instanceof Promise);
  });

  it("CallbackList passes one copy of the logs to all callbacks", async () => {
    const seen: Logs[] = [];
    const received = { loss: 1 };
    const list = new CallbackList([
      { onEpochEnd: (_epoch, logs) => void (logs.learning_rate = 0.1) },
      { onEpochEnd: (_epoch, logs) => seen.push(logs) },
    ]);
    await list.onEpochEnd(0, received);
    assert.deepEqual(seen, [{ loss: 1, learning_rate: 0.1 }]);
    assert.deepEqual(received, { loss: 1 });
  });
});

describe("CallbackList passing model and params", () => {
  it("CallbackList passes the model, then the params, before any hook", async () => {
    const seen: unknown[] = [];
    const model = { stopTraining: false };
    const list = new CallbackList({
      setModel: (received: unknown) => void seen.push(received),
      setParams: (received) => void seen.push(received),
      onTrainBegin: () => seen.push("begin"),
    }, { model, params });
    await list.onTrainBegin();
    assert.deepEqual(seen, [model, params, "begin"]);
  });

  it("A Callback without a model throws when it is read", () => {
    class Mine extends Callback {}
    assert.throws(
      () => new Mine().model,
      /Cannot read the model of Mine: it is set when a run begins/,
    );
  });

  it("CallbackList fails for a callback whose setModel fails, or disables it if allowed", async () => {
    const seen: string[] = [];
    const callback = (onError: ErrorPolicy): CallbackLike => ({
      name: "picky",
      onError,
      setModel() {
        throw new TypeError("rejected");
      },
      setParams: () => void seen.push("params"),
      onTrainBegin: () => seen.push("begin"),
    });
    const error = await errorOf(() => new CallbackList(callback("throw"), { model: {}, params }));
    assert.equal(error.message, "Callback picky failed in setModel: rejected");
    const messages = await warned(async () => {
      await new CallbackList(callback("disable"), { model: {}, params }).onTrainBegin();
    });
    assert.equal(messages.length, 1);
    assert.deepEqual(seen, []);
  });
});

describe("Promises of setModel and setParams", () => {
  const slow = (seen: string[], onError?: ErrorPolicy): CallbackLike => ({
    name: "slow",
    onError,
    async setModel() {
      await null;
      seen.push("model");
    },
    async setParams() {
      await null;
      if (onError !== undefined) throw new Error("no server");
      seen.push("params");
    },
    onTrainBegin: () => seen.push("begin"),
    onTestBegin: () => seen.push("test"),
    onPredictBegin: () => seen.push("predict"),
  });

  it("A promise of setModel or setParams is awaited before a run begins", async () => {
    for (const begin of ["onTrainBegin", "onTestBegin", "onPredictBegin"] as const) {
      const seen: string[] = [];
      await new CallbackList(slow(seen), { model: {}, params })[begin]();
      assert.deepEqual(seen.slice(0, 2), ["model", "params"]);
      assert.equal(seen.length, 3);
    }
  });

  it("A promise of setModel or setParams ends the run when it rejects, or disables the callback", async () => {
    const seen: string[] = [];
    const failing = new CallbackList(slow(seen, "throw"), { model: {}, params });
    const error = await errorOf(() => failing.onTrainBegin());
    assert.equal(error.message, "Callback slow failed in setParams: no server");
    const messages = await warned(async () => {
      const list = new CallbackList(slow(seen, "disable"), { model: {}, params });
      await list.onTrainBegin();
      assert.equal(list.failures.length, 1);
    });
    assert.equal(messages.length, 1);
    assert.deepEqual(seen, ["model", "model"]);
  });

  it("A promise of setModel or setParams causes no unhandled rejection if no run begins", async () => {
    const list = new CallbackList(slow([], "throw"), { model: {}, params });
    await list.close();
    await new Promise((resolve) => setTimeout(resolve));
  });
});

describe("A hook that throws", () => {
  const cause = new RangeError("no disk");
  const failing = (onError?: ErrorPolicy): CallbackLike & { calls: number } => ({
    name: "mine",
    calls: 0,
    onError,
    onEpochBegin() {},
    onTrainBatchEnd() {
      this.calls++;
      throw cause;
    },
    onEpochEnd() {
      this.calls++;
    },
  });

  it("A hook that throws ends the run with its name, its position and the original error", async () => {
    const list = new CallbackList(failing());
    await list.onEpochBegin(3);
    const error = await errorOf(() => list.onTrainBatchEnd(5, {}));
    assert.equal(error.code, "CALLBACK_HOOK");
    assert.equal(
      error.message,
      "Callback mine failed in onTrainBatchEnd (epoch 3, batch 5): no disk",
    );
    assert.deepEqual(
      [error.callback, error.hook, error.epoch, error.batch],
      ["mine", "onTrainBatchEnd", 3, 5],
    );
    assert.equal(error.cause, cause);
  });

  it("A hook whose promise rejects ends the run, and the next callback is not called", async () => {
    let called = false;
    class Late extends Callback {
      override onTrainEnd() {
        return Promise.reject("just a string");
      }
    }
    const list = new CallbackList([new Late(), { onTrainEnd: () => void (called = true) }]);
    await list.onEpochBegin(3);
    const error = await errorOf(() => list.onTrainEnd());
    assert.equal(error.message, "Callback Late failed in onTrainEnd: just a string");
    assert.equal(error.cause, "just a string");
    assert.equal(called, false);
  });

  it('A callback with "disable" is not called after a failure, others continue, and close still runs', async () => {
    const seen: string[] = [];
    const mine = { ...failing("disable"), close: () => seen.push("closed") };
    const list = new CallbackList([mine, { onTrainBatchEnd: () => seen.push("other") }]);
    const messages = await warned(async () => {
      await list.onTrainBatchEnd(0);
      await list.onTrainBatchEnd(1);
      await list.onEpochEnd(0);
      await list.close();
    });
    assert.equal(mine.calls, 1);
    assert.deepEqual(seen, ["other", "other", "closed"]);
    assert.deepEqual(messages, [
      "keepfit: Callback mine failed in onTrainBatchEnd (batch 0): no disk; it is disabled for the " +
      "rest of this run",
    ]);
    assert.deepEqual(list.failures, [
      { callback: "mine", hook: "onTrainBatchEnd", policy: "disable", error: cause },
    ]);
  });

  it('A callback with "warn" is called again, warns once, and every failure is recorded', async () => {
    const mine = failing("warn");
    const list = new CallbackList([mine], { addHistory: true });
    const messages = await warned(async () => {
      await list.onTrainBatchEnd(0);
      await list.onTrainBatchEnd(1);
      await list.onEpochEnd(0);
      await list.close();
    });
    assert.equal(mine.calls, 3);
    assert.equal(messages.length, 1);
    assert.equal(list.history?.failures.length, 2);
  });

  it("A hook that throws follows the list's policy if the callback has none", async () => {
    const messages = await warned(async () => {
      const list = new CallbackList([failing()], { onError: "disable" });
      await list.onTrainBatchEnd(0);
      const strict = new CallbackList([failing("throw")], { onError: "disable" });
      await errorOf(() => strict.onTrainBatchEnd(0));
    });
    assert.equal(messages.length, 1);
  });

  it("readsBatchLogs is subject to the same error policy", async () => {
    const callback: CallbackLike = {
      name: "mine",
      onTrainBatchEnd() {},
      readsBatchLogs() {
        throw cause;
      },
    };
    const error = await errorOf(() => new CallbackList(callback).readsBatchLogs(2));
    assert.equal(error.message, "Callback mine failed in readsBatchLogs (batch 2): no disk");
    const list = new CallbackList(callback, { onError: "disable" });
    assert.equal((await warned(() => assert.equal(list.readsBatchLogs(0), false))).length, 1);
    assert.equal(list.has("onTrainBatchEnd"), false);
  });
});

describe("A hook that misbehaves", () => {
  // Each value is returned or thrown by a hook.
  const thenables: [string, () => unknown, RegExp][] = [
    ["a then that cannot be read", () => ({
      get then() {
        throw new Error("look away");
      },
    }), /: look away/],
    ["a then that throws", () => ({
      then() {
        throw new Error("not then");
      },
    }), /: not then/],
    ["a then that can be read only once", () => {
      let looked = 0;
      return {
        get then() {
          if (looked++ > 0) throw new Error("no more");
          return () => {};
        },
      };
    }, /: no more/],
  ];
  const thrown: [string, unknown, RegExp][] = [
    ["undefined", undefined, /: undefined$/],
    ["null", null, /: null$/],
    ["text that moves the cursor", "a\u001b[2Jb\u202e", /: a\\u001b\[2Jb\\u202e$/],
    ["an object without a text", Object.create(null), /: an error that cannot be shown$/],
    [
      "an error whose message throws",
      Object.defineProperty(new Error(), "message", {
        get() {
          throw new Error("never");
        },
      }),
      /: an error that cannot be shown$/,
    ],
    ["a symbol", Symbol("sign"), /: Symbol\(sign\)$/],
    ["a very long text", "x".repeat(1e6), /: x{10000}…$/],
  ];
  const hooks: [string, () => unknown, RegExp][] = [
    ...thenables,
    ...thrown.flatMap(([what, value, message]): typeof thenables => [
      [`throws ${what}`, () => {
        throw value;
      }, message],
      [`rejects with ${what}`, () => Promise.reject(value), message],
    ]),
  ];
  for (const [what, hook, message] of hooks) {
    it(`A hook that misbehaves ends the run with a CallbackError, or is disabled: ${what}`, async () => {
      const callback = (onError: ErrorPolicy): CallbackLike => ({
        name: "mine",
        onError,
        onEpochEnd: hook,
      });
      const error = await errorOf(() => new CallbackList(callback("throw")).onEpochEnd(0, {}));
      assert.equal(error.code, "CALLBACK_HOOK");
      assert.match(error.message, message);
      const seen: string[] = [];
      const list = new CallbackList([
        callback("disable"),
        { onEpochEnd: () => seen.push("next") },
      ]);
      const messages = await warned(async () => {
        await list.onEpochEnd(0, {});
        await list.onEpochEnd(1, {});
      });
      assert.equal(messages.length, 1);
      assert.deepEqual(seen, ["next", "next"]);
    });
  }

  it("A hook that misbehaves may settle its promise twice: the first result counts", async () => {
    const list = new CallbackList({
      onEpochEnd: () => ({
        then(resolve: () => void, reject: (error: Error) => void) {
          resolve();
          reject(new Error("second thoughts"));
          resolve();
        },
      }),
    });
    await list.onEpochEnd(0, {});
  });
});

describe("CallbackList.summary", () => {
  it("CallbackList.summary lists disabled callbacks with hook and reason, and is undefined without any", async () => {
    const failing = (name: string, hook: string, message: string): CallbackLike => ({
      name,
      onError: "disable",
      [hook]() {
        throw new Error(message);
      },
    });
    const list = new CallbackList([
      failing("ada/counter", "onEpochEnd", "no disk\nsee below"),
      { ...failing("b", "onTrainBatchEnd", "x"), onError: "warn" },
    ]);
    assert.equal(list.summary(), undefined);
    await warned(async () => {
      await list.onEpochBegin(1);
      await list.onTrainBatchEnd(2, {});
      await list.onEpochEnd(1, {});
    });
    assert.equal(
      list.summary(),
      "1 callback was disabled in this run: ada/counter (onEpochEnd, epoch 1: no disk)",
    );
    const two = new CallbackList([failing("a", "setParams", "1"), failing("b", "setModel", "2")], {
      onError: "disable",
    });
    await warned(() => {
      two.setModel({});
      two.setParams(params);
    });
    assert.equal(
      two.summary(),
      "2 callbacks were disabled in this run: b (setModel: 2), a (setParams: 1)",
    );
  });
});

describe("CallbackList.close", () => {
  it("CallbackList.close calls every callback even if some of them throw, and fails with the first error", async () => {
    const seen: string[] = [];
    const closing = (name: string, fails: boolean): CallbackLike => ({
      name,
      async close() {
        seen.push(name);
        if (fails) throw new Error(`${name} is stuck`);
      },
    });
    const list = new CallbackList([closing("a", true), closing("b", true), closing("c", false)], {
      addHistory: true,
    });
    const messages = await warned(async () => {
      const error = await errorOf(() => list.close());
      assert.equal(error.code, "CALLBACK_CLOSE");
      assert.equal(error.message, "Callback a failed in close: a is stuck");
    });
    assert.deepEqual(seen, ["a", "b", "c"]);
    assert.deepEqual(messages, ["keepfit: Callback b failed in close: b is stuck"]);
    assert.equal(list.history?.timings.length, 3);
  });

  it("CallbackList.close only warns when the run has already failed, or the callback may fail", async () => {
    const stuck: CallbackLike = {
      name: "a",
      close() {
        throw new Error("stuck");
      },
    };
    const list = new CallbackList(stuck);
    const said = ["keepfit: Callback a failed in close: stuck"];
    assert.deepEqual(await warned(() => list.close(new Error("first"))), said);
    const lenient = new CallbackList(stuck, { onError: "warn" });
    assert.deepEqual(await warned(() => lenient.close()), said);
    assert.equal(lenient.failures.length, 1);
  });

  it("CallbackList.close may be called again", async () => {
    let calls = 0;
    const list = new CallbackList({ close: () => void calls++ });
    await list.close();
    await list.close();
    assert.equal(calls, 2);
  });
});

describe("CallbackList.onException", () => {
  it("CallbackList.onException calls every callback and never throws", async () => {
    const seen: unknown[] = [];
    const failure = new Error("the run's own");
    const list = new CallbackList([
      {
        name: "a",
        onException() {
          throw new Error("worse");
        },
      },
      { onException: (error: unknown) => seen.push(error) },
    ]);
    const messages = await warned(() => list.onException(failure));
    assert.deepEqual(seen, [failure]);
    assert.deepEqual(messages, ["keepfit: Callback a failed in onException: worse"]);
  });
});

describe("CallbackList.timings", () => {
  it("CallbackList.timings count the calls of every hook of every callback, including waiting, longest first", async () => {
    const list = await withClock(async (pass) => {
      const slow = async () => {
        await Promise.resolve();
        pass(3_600_000);
      };
      const list = new CallbackList([
        { name: "quick", onEpochEnd() {}, onTrainEnd() {} },
        { name: "slow", onEpochEnd: slow },
      ], { addHistory: true });
      await list.onEpochEnd(0);
      await list.onEpochEnd(1);
      await list.close();
      return list;
    });
    const timings = list.history?.timings ?? [];
    assert.deepEqual([timings[0].callback, timings[0].hook, timings[0].calls], [
      "slow",
      "onEpochEnd",
      2,
    ]);
    assert.deepEqual(
      timings.map(({ callback, hook, calls }) => `${callback} ${hook} ${calls}`).sort(),
      ["History onEpochEnd 2", "quick onEpochEnd 2", "slow onEpochEnd 2"],
    );
    assert(
      timings.every(({ milliseconds }, i) =>
        i === 0 || milliseconds <= timings[i - 1].milliseconds
      ),
    );
  });
});

describe("CallbackList.readsBatchLogs", () => {
  it("CallbackList.readsBatchLogs is true if one callback reads this batch, which is the default", () => {
    const every = (n: number): CallbackLike => ({
      onTrainBatchEnd() {},
      readsBatchLogs: (batch: number) => batch % n === 0,
    });
    const list = new CallbackList([every(2), every(3), { onEpochEnd() {} }]);
    assert.deepEqual([0, 1, 2, 3, 5].map((batch) => list.readsBatchLogs(batch)), [
      true,
      false,
      true,
      true,
      false,
    ]);
    assert.equal(new CallbackList([every(2), { onTrainBatchEnd() {} }]).readsBatchLogs(1), true);
    assert.equal(new CallbackList({ onEpochEnd() {} }).readsBatchLogs(0), false);
  });
});

describe("Promises from synchronous members", () => {
  it("A promise from readsBatchLogs or hookOrder is an error, and its own rejection is ignored", async () => {
    const late = () => Promise.reject(new Error("late")) as never;
    const list = new CallbackList({ name: "late", onTrainBatchEnd() {}, readsBatchLogs: late });
    const reading = await errorOf(() => list.readsBatchLogs(0));
    assert.equal(
      reading.message,
      "Callback late failed in readsBatchLogs (batch 0): expected true or false, got a promise",
    );
    const ordering = await errorOf(() =>
      new CallbackList({ name: "late", onEpochEnd() {}, hookOrder: late })
    );
    assert.match(ordering.message, /hookOrder of late: expected an order, got a promise/);
    await new Promise((resolve) => setTimeout(resolve));
  });
});

describe("beforeTrainBegin and afterEpochEnd", () => {
  it("beforeTrainBegin and afterEpochEnd are called before and after the hook of every callback, with promises and without", async () => {
    const seen: string[] = [];
    for (const wait of [async () => await Promise.resolve(), () => {}]) {
      const saver = {
        beforeTrainBegin: () => (seen.push("before"), wait()),
        onTrainBegin: () => void seen.push("begin 1"),
        onEpochEnd: () => (seen.push("end 1"), wait()),
        afterEpochEnd: (epoch: number) => void seen.push(`after ${epoch}`),
      };
      const other = {
        onTrainBegin: () => void seen.push("begin 2"),
        onEpochEnd: () => (seen.push("end 2"), wait()),
      };
      const list = new CallbackList([saver, other]);
      await list.onTrainBegin();
      await list.onEpochEnd(3, {});
    }
    const once = ["before", "begin 1", "begin 2", "end 1", "end 2", "after 3"];
    assert.deepEqual(seen, [...once, ...once]);
  });

  it("beforeTrainBegin and afterEpochEnd are not called when the preceding hook fails", async () => {
    const seen: string[] = [];
    const failing = {
      onEpochEnd() {
        throw new Error("no");
      },
      afterEpochEnd: () => seen.push("after"),
    };
    const list = new CallbackList(failing);
    assert.throws(() => list.onEpochEnd(0, {}), /no/);
    assert.deepEqual(seen, []);
  });

  it("beforeTrainBegin and afterEpochEnd receive the list; each run clears its initialEpoch, and the params follow it", async () => {
    let start: number | undefined = 4;
    const params = { verbose: 0, epochs: 9, steps: 1, initialEpoch: 1 };
    const list: CallbackList = new CallbackList({
      beforeTrainBegin(received: CallbackList) {
        assert.equal(received, list);
        if (start !== undefined) received.initialEpoch = start;
      },
    }, { params });
    await list.onTrainBegin();
    assert.equal(list.initialEpoch, 4);
    assert.equal(params.initialEpoch, 4);
    start = undefined;
    await list.onTrainBegin();
    assert.equal(list.initialEpoch, undefined);
  });
});
