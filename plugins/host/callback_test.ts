import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CallbackLike, ErrorPolicy } from "../../core/callback.ts";
import { CallbackList } from "../../core/callback_list.ts";
import { CallbackError } from "../../core/errors.ts";
import type { Logs } from "../../core/logs.ts";
import { limitsOf, type PluginLimits } from "../project/limits.ts";
import type { PluginCallbackEntry, PluginHookEntry } from "../manifest/format.ts";
import { type PluginCallback, wirePlugin } from "./callback.ts";
import { PluginRun } from "./run.ts";
import { contextWith, entryWith, manifestWith, refusal, warned } from "../fixtures.ts";

/** Properties of a plugin in a test. */
interface Wiring {
  onError?: ErrorPolicy;
  limits?: PluginLimits;
  entry?: Partial<PluginCallbackEntry>;
  run?: PluginRun;
}

function wire(made: unknown, wiring: Wiring = {}): PluginCallback {
  const limits = limitsOf(wiring.limits);
  const entry = entryWith(wiring.entry);
  return wirePlugin(made, {
    manifest: manifestWith({ callbacks: [entry] }),
    entry,
    info: {
      id: "ada/counter",
      version: "1.0.0",
      url: "https://example.com/callback.plugin.json",
      integrity: "sha384-x",
      tier: "trusted",
      grants: { net: { declared: ["example.com"], agreed: true } },
    },
    run: wiring.run ?? new PluginRun("ada/counter", limits.hookTime),
    limits,
    onError: wiring.onError ?? "disable",
  });
}

const never = () => new Promise<never>(() => {});
const short = { limits: { hookTime: 50 } };

describe("A plugin's callback", () => {
  it("A plugin's callback permanently names its plugin", () => {
    const { name, plugin } = wire({ onEpochEnd() {} });
    assert.equal(name, "ada/counter");
    assert.deepEqual(plugin, {
      id: "ada/counter",
      version: "1.0.0",
      url: "https://example.com/callback.plugin.json",
      integrity: "sha384-x",
      tier: "trusted",
      grants: { net: { declared: ["example.com"], agreed: true } },
    });
    assert.throws(() => Object.assign(plugin, { tier: "sandboxed" }), TypeError);
  });

  it("A plugin's callback is rejected if its members cannot be inspected", async () => {
    for (const member of ["onEpochEnd", "getState", "setState"]) {
      const made = Object.defineProperty({ onEpochEnd() {} }, member, {
        get() {
          throw new Error("look away");
        },
      });
      await refusal("E_EXPORT", () => wire(made), /cannot be inspected: look away/);
    }
    await refusal("E_EXPORT", () => wire(null), /its factory returned no callback/);
    await refusal("E_EXPORT", () => wire({ onEpochBegin() {} }), /no onEpochEnd/);
  });

  it("A plugin's callback has the position that the manifest's hooks declare", () => {
    const late = wire({ onEpochEnd() {}, onEpochBegin() {} }, {
      entry: {
        hooks: ["onEpochBegin", {
          name: "onEpochEnd",
          order: "post",
          before: ["ada/last"],
          after: ["nobody"],
        }],
      },
    });
    const list = new CallbackList([
      late,
      { name: "a", onEpochBegin() {}, onEpochEnd() {} },
      { name: "ada/last", onEpochEnd() {} },
      { name: "b", onEpochEnd() {} },
    ]);
    assert.deepEqual(list.order("onEpochBegin"), ["ada/counter", "a"]);
    assert.deepEqual(list.order("onEpochEnd"), ["a", "ada/counter", "ada/last", "b"]);
  });

  it("A plugin's callback calls a hook at the last of every n epochs or batches", () => {
    const seen: string[] = [];
    const plugin = wire({
      onEpochBegin: (epoch: number) => void seen.push(`begin ${epoch}`),
      onEpochEnd: (epoch: number, { loss }: Logs) => void seen.push(`end ${epoch} ${loss}`),
      onTestBatchEnd: (batch: number) => void seen.push(`test ${batch}`),
    }, {
      entry: {
        hooks: [
          { name: "onEpochBegin", every: 1 },
          { name: "onEpochEnd", every: 3 },
          { name: "onTestBatchEnd", every: 2 },
        ],
      },
    });
    for (let i = 0; i < 4; i++) {
      plugin.onEpochBegin?.(i, {});
      plugin.onTestBatchEnd?.(i, {});
      plugin.onEpochEnd?.(i, { loss: i / 2 });
    }
    assert.deepEqual(seen, [
      "begin 0",
      "begin 1",
      "test 1",
      "begin 2",
      "end 2 1",
      "begin 3",
      "test 3",
    ]);
  });

  it("A plugin's callback reads the logs of a batch if the hook is due and the plugin reads them", () => {
    const reads = (made: CallbackLike, hook: PluginHookEntry) =>
      [0, 1, 2, 3, 4, 5].filter((batch) =>
        wire(made, { entry: { hooks: [hook] } }).readsBatchLogs?.(batch)
      );
    const onTrainBatchEnd = () => {};
    const hook = { name: "onTrainBatchEnd" } as const;
    assert.deepEqual(reads({ onTrainBatchEnd }, hook), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(reads({ onTrainBatchEnd }, { ...hook, every: 3 }), [2, 5]);
    const choosy = { onTrainBatchEnd, readsBatchLogs: (batch: number) => batch !== 3 };
    assert.deepEqual(reads(choosy, hook), [0, 1, 2, 4, 5]);
    assert.deepEqual(reads(choosy, { ...hook, every: 2 }), [1, 5]);
    assert.equal(wire({ onEpochEnd() {} }).readsBatchLogs, undefined);
  });

  it("A plugin's callback waits for a pending setParams before its first hook", async () => {
    const seen: unknown[] = [];
    const plugin = wire({
      async setParams(params: { epochs: number }) {
        await Promise.resolve();
        seen.push(params.epochs);
      },
      onEpochEnd: (epoch: number, logs: Logs) => void seen.push(epoch, logs.loss),
    });
    const list = new CallbackList(plugin, { params: { verbose: 0, epochs: 3, steps: 1 } });
    await list.onEpochEnd(0, { loss: 5 });
    assert.equal(list.onEpochEnd(1, { loss: 4 }), undefined);
    assert.deepEqual(seen, [3, 0, 5, 1, 4]);
  });
});

describe("A plugin that fails", () => {
  const hooks: [string, () => unknown, RegExp][] = [
    ["throws an error", () => {
      throw new RangeError("no disk");
    }, /no disk/],
    ["throws undefined", () => {
      throw undefined;
    }, /undefined/],
    ["rejects with nothing", () => Promise.reject(), /undefined/],
    ["does not return", never, /did not return from onEpochEnd\n.*within 50 ms/],
    ["returns a thenable that never settles", () => ({ then() {} }), /did not return/],
    ["returns a thenable that throws", () => ({
      then() {
        throw new Error("not then");
      },
    }), /not then/],
    ["returns a value that cannot be inspected", () => ({
      get then() {
        throw new Error("look away");
      },
    }), /look away/],
    [
      "throws a value that cannot be shown",
      () => {
        throw { toString: null };
      },
      /an error that cannot be shown/,
    ],
  ];
  for (const [what, onEpochEnd, message] of hooks) {
    it(`A plugin that fails ends the run only on request: ${what}`, async () => {
      const strict = new CallbackList(wire({ onEpochEnd }, { ...short, onError: "throw" }));
      await assert.rejects(async () => await strict.onEpochEnd(0, {}), (error) => {
        assert(error instanceof CallbackError);
        assert.match(error.message, /^Callback ada\/counter failed in onEpochEnd \(epoch 0\): /);
        assert.match(error.message, message);
        return true;
      });
      const seen: number[] = [];
      const list = new CallbackList([
        wire({ onEpochEnd }, short),
        { onEpochEnd: (epoch: number) => void seen.push(epoch) },
      ]);
      const messages = await warned(async () => {
        await list.onEpochEnd(0, {});
        await list.onEpochEnd(1, {});
        await list.close();
      });
      assert.deepEqual(seen, [0, 1]);
      assert.equal(messages.length, 1);
      assert.match(messages[0], message);
      assert.match(list.summary() as string, /ada\/counter \(onEpochEnd, epoch 0: /);
    });
  }

  it("A plugin that fails may settle twice, or late: the first result counts and a late failure is harmless", async () => {
    const twice = {
      then(resolve: () => void, reject: (error: Error) => void) {
        resolve();
        reject(new Error("second thoughts"));
      },
    };
    await new CallbackList(wire({ onEpochEnd: () => twice }, { onError: "throw" })).onEpochEnd(0);
    let fail = () => {};
    const late = () => new Promise((_, reject) => fail = () => reject(new Error("late")));
    const list = new CallbackList(wire({ onEpochEnd: late }, short));
    assert.equal((await warned(() => list.onEpochEnd(0))).length, 1);
    fail();
    // An unhandled rejection ends the process in the next turn of the event loop.
    await new Promise((resolve) => setTimeout(resolve));
  });

  it("A plugin that fails is limited in getState, setState, setParams and close to the time of a hook", async () => {
    const made: CallbackLike = {
      onEpochEnd() {},
      close: never,
      getState: never,
      setState: never,
      setParams: never as unknown as () => undefined,
    };
    const plugin = wire(made, { ...short, onError: "warn" });
    await refusal("E_TIMEOUT", () => plugin.getState?.(), /did not return from getState/);
    await refusal("E_TIMEOUT", () => plugin.setState?.({}), /setState/);
    await refusal("E_TIMEOUT", () => plugin.close(), /from close/);
    const list = new CallbackList(wire(made, short), {
      params: { verbose: 0, epochs: 1, steps: 1 },
    });
    const messages = await warned(async () => {
      await list.onEpochEnd(0);
      await list.close();
    });
    assert.match(messages[0], /failed in onEpochEnd \(epoch 0\).*did not return from setParams/);
    assert.match(messages[1], /failed in close/);
  });

  it("A plugin that fails is closed when it is disabled, and called again only in the next run", async () => {
    const seen: string[] = [];
    let fails = true;
    const plugin = wire({
      onEpochEnd() {
        seen.push("onEpochEnd");
        if (fails) throw new Error("no disk");
      },
      close: () => void seen.push("close"),
    });
    const list = new CallbackList(plugin, { model: {} });
    await warned(() => list.onEpochEnd(0, {}));
    assert.deepEqual(seen, ["onEpochEnd", "close"]);
    await refusal("E_CRASH", () => plugin.onEpochEnd?.(1, {}), /it was disabled: no disk/);
    await list.close();
    assert.deepEqual(seen, ["onEpochEnd", "close"]);
    fails = false;
    const next = new CallbackList(plugin, { model: {} });
    await next.onEpochEnd(0, {});
    await next.close();
    assert.deepEqual(seen, ["onEpochEnd", "close", "onEpochEnd", "close"]);
  });

  it("A plugin that fails may take any time if the limit is Infinity", async () => {
    for (const hookTime of [Infinity, 2 ** 31]) {
      const onEpochEnd = () => new Promise((resolve) => setTimeout(resolve));
      const plugin = wire({ onEpochEnd }, { limits: { hookTime }, onError: "throw" });
      await new CallbackList(plugin).onEpochEnd(0, {});
    }
  });

  it('A plugin with onError "warn" is disabled after 20 consecutive failures of a hook', async () => {
    let calls = 0;
    let fails = true;
    const made = {
      onEpochBegin() {},
      async onEpochEnd() {
        calls++;
        if (fails) throw new Error("no disk");
      },
    };
    const plugin = wire(made, {
      onError: "warn",
      entry: { hooks: ["onEpochBegin", "onEpochEnd"] },
    });
    const list = new CallbackList(plugin);
    const messages = await warned(async () => {
      for (let epoch = 0; epoch < 60; epoch++) {
        fails = epoch !== 19;
        // Success of one hook does not reset the count of another one.
        await list.onEpochBegin(epoch);
        await list.onEpochEnd(epoch, {});
      }
    });
    assert.equal(calls, 40);
    assert.equal(messages.length, 2);
    assert.match(messages[0], /no disk; training continues/);
    assert.match(
      messages[1],
      /\(epoch 39\): no disk \(it failed 20 times in a row\); it is disabled for the rest of this run/,
    );
    // It is called again in the next run.
    const next = new CallbackList(plugin, { model: {} });
    assert.match((await warned(() => next.onEpochEnd(0, {})))[0], /no disk; training continues/);
  });
});

describe("Closing a plugin", () => {
  it("Closing a plugin closes what it opened after its own close, which may still write", async () => {
    const seen: string[] = [];
    const run = new PluginRun("ada/counter", 1000);
    run.closers.push(() => void seen.push("context"));
    const plugin = wire({
      onEpochEnd() {},
      async close() {
        await run.track("write", async () => seen.push("plugin writes"));
        seen.push("plugin");
      },
    }, { run });
    await plugin.close();
    assert.deepEqual(seen, ["plugin writes", "plugin", "context"]);
    assert.throws(() => run.checkOpen("write"), /its run has ended/);
    plugin.onEpochEnd?.(0, {});
    run.checkOpen("write");
  });

  it("Closing a plugin closes everything even if a step fails, and throws the first failure", async () => {
    const seen: string[] = [];
    const run = new PluginRun("ada/counter", 1000);
    run.closers.push(() => {
      seen.push("one");
      throw new Error("one is stuck");
    }, async () => void seen.push("two"));
    const failing = wire({
      onEpochEnd() {},
      close() {
        throw new Error("plugin is stuck");
      },
    }, { run });
    await assert.rejects(failing.close(), /plugin is stuck/);
    assert.deepEqual(seen, ["one", "two"]);
    await assert.rejects(wire({ onEpochEnd() {} }, { run }).close(), /one is stuck/);
    await assert.rejects(wire({ onEpochEnd() {}, close: never }, { run, ...short }).close(), {
      code: "E_TIMEOUT",
    });
    assert.equal(seen.length, 6);
  });

  it("Closing a plugin ends its access to the model", async () => {
    const { context, run } = contextWith({
      entry: entryWith({ controls: ["readWeights", "setLearningRate", "stop", "writeWeights"] }),
    });
    const model = { stopTraining: false, learningRate: 1 };
    assert.throws(() => context.stop?.(), /it is set when a run begins/);
    run.model = model;
    context.stop?.();
    context.setLearningRate?.(0.5);
    assert.deepEqual(model, { stopTraining: true, learningRate: 0.5 });
    assert.throws(() => context.setLearningRate?.(NaN), RangeError);
    await run.close();
    await refusal("E_PERMISSION", () => context.stop?.());
    await refusal("E_PERMISSION", () => context.setLearningRate?.(1));
    await refusal("E_PERMISSION", () => context.readWeights?.());
    await refusal("E_PERMISSION", () => context.writeWeights?.([]));
  });

  it("writeWeights rejects invalid weights", async () => {
    const { context, run } = contextWith({ entry: entryWith({ controls: ["writeWeights"] }) });
    run.model = { getWeights: () => [], setWeights: () => assert.fail("written") };
    const values = new Float32Array(4);
    const wrong: unknown[] = [
      { shape: [2, 3], dtype: "float32", values },
      { shape: [4], dtype: "int32", values },
      { shape: [4], dtype: "float32", values: [1, 2, 3, 4] },
      { shape: 4, dtype: "float32", values },
      { dtype: "constructor" },
      {},
    ];
    for (const weight of wrong) {
      await assert.rejects(async () => await context.writeWeights?.([weight as never]), /weight 0/);
    }
    await assert.rejects(async () => await context.writeWeights?.("x" as never), TypeError);
  });
});
