import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Logs } from "../../../core/logs.ts";
import { PluginError } from "../../errors.ts";
import { limitsOf, type PluginLimits } from "../../project/limits.ts";
import { withClock } from "../../../tests/clock.ts";
import { GuestPlugin } from "./guest_plugin.ts";

/** Start a plugin of one module; its functions are called by their index in `names`. */
async function start(
  source: string,
  names: string[],
  context: object = {},
  limits: PluginLimits = {},
): Promise<GuestPlugin> {
  const plugin = await GuestPlugin.start({
    id: "ada/counter",
    limits: limitsOf(limits),
    options: {},
    context,
    moduleText: (key) => key === "main" ? source : undefined,
  });
  await plugin.importModule("main");
  assert.equal(await plugin.make("default"), undefined);
  assert.equal(plugin.adopt(names), undefined);
  return plugin;
}

describe("A sandbox", () => {
  it("A sandbox leaks nothing after many calls of each kind, and is freed cleanly", async () => {
    const plugin = await start(
      `export default (_, { give, later }) => ({
        onEpochEnd(epoch, logs) { logs.more = epoch; },
        async onTestEnd() { await later(); },
        getState: () => ({ bytes: give(new Uint8Array(1000)) }),
        readsBatchLogs: (batch) => batch % 2 === 0,
        fail() { throw new Error("no"); },
        async failLater() { await later(); throw new Error("no"); },
      });`,
      ["onEpochEnd", "onTestEnd", "getState", "readsBatchLogs", "fail", "failLater"],
      { give: (bytes: Uint8Array) => bytes.map((_, i) => i), later: () => Promise.resolve([1]) },
    );
    const round = async () => {
      const logs: Logs = { accuracy: 0.5, loss: 1 };
      plugin.callHook(0, 3, logs, true);
      assert.equal(logs.more, 3);
      await plugin.callHook(1, undefined, { loss: 1 }, false);
      const { bytes } = plugin.invoke(2, [], true) as { bytes: Uint8Array };
      assert.equal(bytes[255], 255);
      assert.deepEqual([plugin.ask(3, 0), plugin.ask(3, 1)], [true, false]);
      assert.throws(() => plugin.invoke(4, []), /no/);
      await assert.rejects(plugin.invoke(5, []) as Promise<unknown>, /no/);
    };
    for (let i = 0; i < 50; i++) await round();
    const before = plugin.pieces;
    for (let i = 0; i < 200; i++) await round();
    assert(plugin.pieces - before < 20, `${plugin.pieces - before} more allocations`);
    assert.equal(plugin.close(), true);
    assert.equal(plugin.close(), true);
  });

  it("A sandbox is freed cleanly with pending promises, which never settle", async () => {
    let resolve = (_value: unknown) => {};
    const plugin = await start(
      `export default (_, { later }) => ({ async onTestEnd() { await later(); } });`,
      ["onTestEnd"],
      { later: () => new Promise((done) => resolve = done) },
    );
    const waiting = plugin.callHook(0, undefined, {}, false) as Promise<unknown>;
    assert.equal(plugin.close(), true);
    await assert.rejects(waiting, /it was closed/);
    resolve(1);
    await null;
    assert.throws(() => plugin.callHook(0, undefined, {}, false), /its sandbox is closed/);
  });

  it("A sandbox counts received data as its own memory", async () => {
    const plugin = await start(
      `const kept = []; export default (_, { give }) => ({
        keep() { for (;;) kept.push(give()); },
      });`,
      ["keep"],
      { give: () => new Uint8Array(1_000_000) },
      { memory: 32 * 1024 * 1024, callTime: Infinity },
    );
    assert.throws(
      () => plugin.invoke(0, []),
      (error: unknown) =>
        error instanceof PluginError && error.code === "E_SANDBOX" &&
        /more memory/.test(error.message),
    );
    assert.equal(plugin.death?.code, "E_SANDBOX");
    assert.equal(plugin.close(), false);
  });

  it("A sandbox does not count the time of the host as its own", async () => {
    await withClock(async (pass) => {
      const plugin = await start(
        `export default (_, { busy }) => ({ call() { busy(); return "done"; } });`,
        ["call"],
        { busy: () => pass(600_000) },
        { callTime: 300_000, hookTime: 900_000 },
      );
      assert.equal(plugin.invoke(0, [], true), "done");
      assert.equal(plugin.close(), true);
    });
  });

  it("A sandbox excludes at most the time limit of a hook from the host's time", async () => {
    await withClock(async (pass) => {
      let calls = 0;
      const plugin = await start(
        `export default (_, { busy }) => ({ call() { for (;;) busy(); } });`,
        ["call"],
        {
          busy() {
            calls++;
            pass(600_000);
          },
        },
        { callTime: 300_000, hookTime: 1_500_000 },
      );
      assert.throws(() => plugin.invoke(0, []), /computed for too long/);
      assert(calls >= 3, `${calls} calls`);
    });
  });

  it("A sandbox lets others use the event loop, however fast the host responds", async () => {
    const plugin = await start(
      `export default (_, { later }) => ({ async storm() { for (;;) await later(); } });`,
      ["storm"],
      { later: () => Promise.resolve() },
      { callTime: Infinity },
    );
    const storm = plugin.invoke(0, []) as Promise<unknown>;
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve));
    assert.equal(plugin.close(), true);
    await assert.rejects(storm, /it was closed/);
  });

  it("A sandbox is ended when it has computed for too long in total, or while nothing waits for it", async () => {
    await withClock(async (pass) => {
      const source = `export default (_, { burn, later }) => ({
        wait: async () => { await later(); burn(); },
        leave() { (async () => { for (;;) { await later(); burn(); } })(); },
      });`;
      const names = ["wait", "leave"];
      // The host's time counts here, as it does after hookTime and outside of hooks.
      const context = { burn: () => pass(300_000), later: () => Promise.resolve() };
      const limits = { callTime: 400_000, hookTime: 1, runTime: 800_000 };
      const patient = await start(source, names, context, limits);
      // The budget refills by a quarter of the elapsed time.
      for (let i = 0; i < 3; i++) await patient.invoke(0, []);
      const late = patient.invoke(0, []) as Promise<unknown>;
      await assert.rejects(late, /too long in this run.*at most 800000 ms and 25 %/s);
      assert.equal(patient.unreportedDeath, undefined);
      const busy = await start(source, names, context, { ...limits, runTime: 9e9 });
      busy.invoke(1, []);
      while (busy.death === undefined) await new Promise((resolve) => setTimeout(resolve));
      assert.match(busy.unreportedDeath?.message ?? "", /while no hook waited for it/);
    });
  });

  it("A sandbox limits the bytes that are pending in the host", async () => {
    const settle: ((value: unknown) => void)[] = [];
    const plugin = await start(
      `const bytes = new Uint8Array(8e6); export default (_, { keep }) => ({
        async keep(count) {
          const kept = [];
          const one = async () => { await keep(bytes); };
          for (let i = 0; i < count; i++) kept.push(one().then(() => "", ({ code }) => code));
          return (await Promise.all(kept)).join();
        },
      });`,
      ["keep"],
      { keep: () => new Promise((resolve) => settle.push(resolve)) },
      { memory: 2 ** 25, callTime: Infinity },
    );
    const kept = plugin.invoke(0, [7], true) as Promise<unknown>;
    // 48 of the allowed 50 MB; the seventh call is rejected.
    assert.equal(settle.length, 6);
    // A result counts until the sandbox has received it, in addition to other arguments.
    for (const one of settle) one(new Uint8Array(1.5e7));
    assert.equal(await kept, "E_LIMIT,,E_LIMIT,,E_LIMIT,,E_LIMIT");
    const again = plugin.invoke(0, [1], true) as Promise<unknown>;
    settle[6](undefined);
    assert.equal(await again, "");
    assert.equal(plugin.close(), true);
  });

  it("A sandbox prints nothing of the host when a host function is interrupted", async () => {
    const said: unknown[] = [];
    const { error } = console;
    console.error = (...line) => said.push(line);
    try {
      const plugin = await start(
        `const kept = []; export default (_, { give }) => ({
          fill() { for (let n = 2e6;;) { try { kept.push(new Uint8Array(n)); } catch { if ((n >>= 1) < 8) break; } }
            for (;;) kept.push(give()); },
        });`,
        ["fill"],
        { give: () => ["x".repeat(1000)] },
        { memory: 2 ** 22, callTime: Infinity },
      );
      assert.throws(() => plugin.invoke(0, []), PluginError);
    } finally {
      console.error = error;
    }
    assert.deepEqual(said, []);
  });

  it("A sandbox starts with any memory and time limits, and reports insufficient ones", async () => {
    const limits = { memory: 1, callTime: Infinity };
    const plugin = await start("export default () => ({ a: () => 1 });", ["a"], {}, limits);
    assert.equal(plugin.invoke(0, [], true), 1);
    const large = "const a = new Uint8Array(2 ** 24); export default () => ({ a });";
    await assert.rejects(start(large, [], {}, limits), /out of memory|needs more memory/);
    const loop = start("for (;;); export default () => ({});", [], {}, { callTime: 1 });
    await assert.rejects(loop, /computed for too long/);
  });

  it("A sandbox does not load a module partially", async () => {
    const starting = start("export default () => ({}); \0 throw 1;", []);
    await assert.rejects(starting, /character U\+0000/);
  });

  it("A sandbox is not entered during a call", async () => {
    const plugin: GuestPlugin = await start(
      `export default (_, { again }) => ({
        call() { try { again(); } catch (error) { return error.message; } },
      });`,
      ["call"],
      { again: () => plugin.invoke(0, [], true) },
    );
    assert.match(String(plugin.invoke(0, [], true)), /it is in a call/);
    assert.equal(plugin.close(), true);
  });

  it("A sandbox supports many layouts of logs, and a limited number of logs", async () => {
    const plugin = await start(
      `export default () => ({ sum(logs) {
        logs.sum = Object.values(logs).reduce((sum, one) => sum + one, 0);
      } });`,
      ["sum"],
    );
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 100; i++) {
        const logs: Logs = { [`a${i}`]: i, __proto__: 1 as never };
        plugin.callHook(0, undefined, logs, true);
        assert.equal(logs.sum, i);
      }
    }
    // One name or two, and which of them contains the line break.
    for (const names of [["a\nb"], ["a", "b"], ["a\nb", "c"], ["a", "b\nc"]]) {
      const logs: Logs = Object.fromEntries(names.map((name, i) => [name, i + 1]));
      plugin.callHook(0, undefined, logs, true);
      assert.deepEqual(Object.keys(logs), [...names, "sum"]);
      assert.equal(logs.sum, names.length * (names.length + 1) / 2);
    }
    const quoted: Logs = { 'a"b\\c\n': 1, "\u2028": 2, "": 3 };
    plugin.callHook(0, undefined, quoted, true);
    assert.equal(quoted.sum, 6);
    const many: Logs = {};
    for (let i = 0; i < 2000; i++) many[`a${i}`] = i;
    assert.throws(() => plugin.callHook(0, undefined, many, true), /expected at most 1023/);
    assert.equal(plugin.close(), true);
  });

  it("Sandboxes that start concurrently are isolated", async () => {
    const source = `let n = 0; globalThis.shared ??= 0;
      export default () => ({ next: () => [++n, ++globalThis.shared] });`;
    const [one, two] = await Promise.all([start(source, ["next"]), start(source, ["next"])]);
    one.invoke(0, [], true);
    assert.deepEqual(one.invoke(0, [], true), [2, 2]);
    assert.deepEqual(two.invoke(0, [], true), [1, 1]);
    assert.deepEqual([one.close(), two.close()], [true, true]);
  });
});
