import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CallbackLike, CallbackList } from "keepfit";
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

  it("is plain data by name, and goes into a second list of the same callbacks", async () => {
    const list = new CallbackList([counter("a"), counter("b"), counter("a"), { close() {} }]);
    await list.onEpochEnd(0);
    (list.callbacks[2] as { count: number }).count = 7;
    const states = await list.getState();
    assert.deepEqual(states, { a: { count: 1 }, b: { count: 1 }, "a#2": { count: 7 } });

    const [a, b, a2] = [counter("a"), counter("b"), counter("a")];
    await new CallbackList([a, b, a2]).setState(structuredClone(states));
    assert.deepEqual([a.count, b.count, a2.count], [1, 1, 7]);
  });

  it("is refused as a whole when a callback is missing", async () => {
    const a = counter("a");
    const list = new CallbackList([a, { name: "c", close() {} }]);
    const error = await errorOf(() => list.setState({ a: { count: 5 }, c: {} }));
    assert.equal(error.code, "CALLBACK_STATE");
    assert.equal(error.message, "Cannot restore the state of c: the list has a to take one");
    assert.equal(a.count, 0);
  });

  it("names the callback that cannot tell or take it", async () => {
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

  it("of a callback that may fail is left out, and it is not asked again", async () => {
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
      "keepfit: Callback broken failed in getState: lost; it is left out of the rest of this run",
    ]);
    assert.deepEqual(list.order("onEpochEnd"), ["a"]);
    const other = new CallbackList([broken, counter("a")], {});
    assert.match((await warned(() => other.setState({ broken: {} })))[0], /in setState: too old/);
  });
});
