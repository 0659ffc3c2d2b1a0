import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CallbackLike, CallbackList, type CallbackReference, ProgbarLogger } from "keepfit";
import { type LoadReference, openList } from "./open_list.ts";
import { errorOf, warned } from "../core/fixtures.ts";

const loaded = (name: string, closed: string[] = []): CallbackLike => ({
  name,
  onEpochEnd() {},
  close: () => void closed.push(name),
});

describe("openList", () => {
  it("openList creates the list if there is nothing to load", async () => {
    const list = await openList([{ onEpochEnd() {} }, [null]], { addHistory: true });
    assert(list instanceof CallbackList);
    assert.equal(list.callbacks.length, 2);
  });

  it("openList replaces a reference by the loaded callbacks, one or several", async () => {
    const asked: unknown[] = [];
    const reference: CallbackReference = { plugin: "registry:b", options: { label: "x" } };
    const url = new URL("file:///c");
    const load: LoadReference = async (one) => {
      asked.push(one);
      if (one === "keepfit.json") return [loaded("one"), loaded("two")];
      return loaded(typeof one === "object" && "plugin" in one ? "object" : String(one));
    };
    const callbacks = [
      "a",
      [{ name: "mine", onEpochEnd() {} }, [reference, null]],
      url,
      "keepfit.json",
    ];
    const list = await openList(callbacks, {}, load);
    assert.deepEqual(list.order("onEpochEnd"), ["a", "mine", "object", "file:///c", "one", "two"]);
    assert.deepEqual(asked, ["a", reference, url, "keepfit.json"]);
  });

  it("openList keeps a callback that only has a member called plugin", async () => {
    const callback = { name: "mine", plugin: "text", onEpochEnd() {} };
    assert.deepEqual((await openList(callback, {})).callbacks, [callback]);
  });

  it("openList closes loaded callbacks when another one cannot be loaded, and fails with that error", async () => {
    const closed: string[] = [];
    const failure = new RangeError("unknown plugin");
    const load: LoadReference = async (reference) => {
      if (reference === "third") throw failure;
      return loaded(String(reference), closed);
    };
    await assert.rejects(openList(["first", ["second", "third"], "fourth"], {}, load), failure);
    assert.deepEqual(closed, ["first", "second"]);
  });

  it("openList closes loaded callbacks when the list cannot be created", async () => {
    const closed: string[] = [];
    const stuck: CallbackLike = {
      onEpochEnd() {},
      close() {
        throw new Error("stuck");
      },
    };
    const load: LoadReference = async (reference) =>
      reference === "stuck" ? stuck : loaded(String(reference), closed);
    const messages = await warned(async () => {
      const error = await errorOf(() => openList(["stuck", "a", {} as CallbackLike], {}, load));
      assert.equal(error.code, "CALLBACK_INVALID");
    });
    assert.deepEqual(closed, ["a"]);
    assert.deepEqual(messages, ["keepfit: closing a plugin failed too: stuck"]);
  });

  it("openList appends a progress bar if requested and if there is none", async () => {
    const list = await openList([], { addHistory: true, addProgbar: true });
    assert.deepEqual(list.callbacks.map((one) => one.constructor.name), [
      "History",
      "ProgbarLogger",
    ]);
    const mine = new ProgbarLogger();
    assert.deepEqual((await openList(mine, { addProgbar: true })).callbacks, [mine]);
    assert.deepEqual((await openList([], {})).callbacks, []);
  });
});
