import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CallbackLike, CallbackList, EarlyStopping } from "keepfit";
import { errorOf, warned } from "./fixtures.ts";

describe("The state of a list", () => {
  const counter = (name: string) => ({
    name,
    count: 0,
    onEpochEnd() {
      this.count++;
    },
    getState() {
      return { count: this.count };
    },
    setState(state: { count?: unknown }) {
      this.count = state.count as number;
    },
  });

  it("The state of a list is plain data by name, and can be restored in a second list of the same callbacks", async () => {
    const list = new CallbackList([counter("a"), counter("b"), { close() {} }]);
    await list.onEpochEnd(0);
    (list.callbacks[1] as { count: number }).count = 7;
    const states = await list.getState();
    assert.deepEqual(states, { a: { count: 1 }, b: { count: 7 } });

    // In another order.
    const [a, b] = [counter("a"), counter("b")];
    const other = new CallbackList([b, a]);
    assert.deepEqual(other.stateKeys, ["b", "a"]);
    await other.setState(structuredClone(states));
    assert.deepEqual([a.count, b.count], [1, 7]);
  });

  it("The state of a list is a copy of plain data, and is rejected if a file would lose part of it", async () => {
    const live = { values: Float32Array.of(1), list: [{ a: null }], text: "" };
    const holding = (state: unknown) =>
      new CallbackList([{ name: "mine", close() {}, getState: () => state as never }]);
    const { mine } = await holding(live).getState();
    live.values[0] = 2;
    live.list.pop();
    assert.deepEqual(mine, { values: Float32Array.of(1), list: [{ a: null }], text: "" });
    assert.deepEqual(await holding(null).getState(), {});
    class Own {}
    const lost: [unknown, string][] = [
      [{ seen: new Map() }, "the state.seen is an instance of Map"],
      [{ at: [new Date()] }, "the state.at[0] is an instance of Date"],
      [{ own: new Own() }, "the state.own is an instance of Own"],
      [{ run: () => {} }, "the state.run is a function"],
      [{ big: 1n }, "the state.big is a bigint"],
      [new Set(), "the state is an instance of Set"],
    ];
    for (const [state, message] of lost) {
      const error = await errorOf(() => holding(state).getState());
      assert.equal(
        error.message,
        `Callback mine failed in getState: ${message}, expected plain data: numbers, text, ` +
          `booleans, null, lists, records and typed arrays`,
      );
    }
    const cycle = { list: [] as unknown[] };
    cycle.list.push(cycle);
    assert.match(
      (await errorOf(() => holding(cycle).getState())).message,
      /in getState: the state\.list\[0\] contains itself, expected plain data without cycles$/,
    );
    // A value that occurs twice is not a cycle.
    const twice = { a: live, b: [live] };
    assert.deepEqual(await holding(twice).getState(), { mine: twice });
  });

  it("The state of a list includes the stateKey of the callback, and is restored only for the same key", async () => {
    const keyed = (stateKey: string) => ({ ...counter("a"), stateKey });
    const list = new CallbackList([keyed("x"), keyed("y"), keyed("")]);
    await list.onEpochEnd(0);
    assert.deepEqual(Object.keys(await list.getState()), ["a (x)", "a (y)", "a"]);
    const error = await errorOf(() => new CallbackList([keyed("z")]).setState({ "a (x)": {} }));
    assert.equal(
      error.message,
      "Cannot restore the state of a (x): the list has a (z) to accept one",
    );
  });

  it("The state of a list has one entry for callbacks with equal states and the same key, but none and a warning for different states", async () => {
    const list = new CallbackList([counter("a"), counter("a"), counter("b")]);
    assert.deepEqual(await warned(() => list.onEpochEnd(0)), []);
    const states = await list.getState();
    assert.deepEqual(states, { a: { count: 1 }, b: { count: 1 } });
    const twins = [counter("a"), counter("a")];
    await new CallbackList(twins).setState({ a: { count: 3 } });
    assert.deepEqual(twins.map(({ count }) => count), [3, 3]);

    (list.callbacks[1] as { count: number }).count = 7;
    const messages = await warned(async () => {
      assert.deepEqual(await list.getState(), { b: { count: 1 } });
      await list.getState();
    });
    assert.deepEqual(messages, [
      "keepfit: 2 callbacks have the key a: their states are not saved; " +
      "give each a name",
    ]);
  });

  it("The state of a list distinguishes callbacks by a custom name", async () => {
    const make = (patience: number) => [
      new EarlyStopping({ monitor: "loss", patience: 1, name: "strict" }),
      new EarlyStopping({ monitor: "loss", patience, name: "patient" }),
    ];
    const model = { stopTraining: false };
    const list = new CallbackList(make(5), { model });
    await list.onTrainBegin();
    for (const epoch of [0, 1]) await list.onEpochEnd(epoch, { loss: 1 });
    const states = await list.getState();
    assert.deepEqual(Object.keys(states), [
      "strict (monitor loss, mode min)",
      "patient (monitor loss, mode min)",
    ]);
    const [strict, patient] = make(5);
    await new CallbackList([patient, strict], { model }).setState(structuredClone(states));
    assert.deepEqual([strict.stoppedEpoch, patient.stoppedEpoch], [1, 0]);
  });

  it("The state of a list names the direction that mode auto resolves to", () => {
    const keys = (mode: "auto" | "max" | "min", monitor = "val_accuracy") =>
      new CallbackList([new EarlyStopping({ monitor, mode })]).stateKeys;
    assert.deepEqual(keys("auto"), keys("max"));
    assert.notDeepEqual(keys("auto"), keys("min"));
    assert.deepEqual(keys("auto", "loss"), keys("min", "loss"));
  });

  it("The state of a list is rejected as a whole when a callback is missing", async () => {
    const a = counter("a");
    const list = new CallbackList([a, { name: "c", close() {} }]);
    const error = await errorOf(() => list.setState({ a: { count: 5 }, c: {} }));
    assert.equal(error.code, "CALLBACK_STATE");
    assert.equal(error.message, "Cannot restore the state of c: the list has a to accept one");
    assert.equal(a.count, 0);
  });

  it("The state of a list names the callback that fails to return or accept its state", async () => {
    const broken: CallbackLike = {
      name: "broken",
      close() {},
      getState: () => Promise.reject(new Error("lost")),
      setState() {
        throw new Error("too old");
      },
    };
    const list = new CallbackList(broken);
    assert.equal(
      (await errorOf(() => list.getState())).message,
      "Callback broken failed in getState: lost",
    );
    assert.equal(
      (await errorOf(() => list.setState({ broken: {} }))).message,
      "Callback broken failed in setState: too old",
    );
  });

  it("The state of a list omits a callback that may fail, which is not called again", async () => {
    let asked = 0;
    const broken: CallbackLike = {
      name: "broken",
      onError: "disable",
      close() {},
      onEpochEnd() {},
      getState() {
        asked++;
        throw new Error("lost");
      },
      setState: () => Promise.reject(new Error("too old")),
    };
    const list = new CallbackList([broken, counter("a")]);
    const messages = await warned(async () => {
      assert.deepEqual(await list.getState(), { a: { count: 0 } });
      assert.deepEqual(await list.getState(), { a: { count: 0 } });
    });
    assert.equal(asked, 1);
    assert.deepEqual(messages, [
      "keepfit: Callback broken failed in getState: lost; it is disabled for the rest of this run",
    ]);
    assert.deepEqual(list.order("onEpochEnd"), ["a"]);
    const other = new CallbackList([broken, counter("a")], {});
    assert.match((await warned(() => other.setState({ broken: {} })))[0], /in setState: too old/);
  });
});
