import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CallbackLike, CallbackList, type CallbackReference } from "keepfit";
import { openList } from "./open_list.ts";
import { errorOf, warned } from "../core/fixtures.ts";

/** Run with something else that loads: who imports the front door has the real one. */
async function loadingWith<T>(
  load: typeof CallbackList.loadPlugin,
  run: () => T,
): Promise<Awaited<T>> {
  const { loadPlugin } = CallbackList;
  CallbackList.loadPlugin = load;
  try {
    return await run();
  } finally {
    CallbackList.loadPlugin = loadPlugin;
  }
}

const loaded = (name: string, closed: string[] = []): CallbackLike => ({
  name,
  onEpochEnd() {},
  close: () => void closed.push(name),
});

describe("openList", () => {
  it("makes the list at once when there is nothing to load", () => {
    const list = openList([{ onEpochEnd() {} }, [null]], { addHistory: true });
    assert(list instanceof CallbackList);
    assert.equal(list.callbacks.length, 2);
  });

  it("puts what is loaded where its reference stood, one callback or several", async () => {
    const asked: unknown[] = [];
    const reference: CallbackReference = { plugin: "registry:b", options: { label: "x" } };
    const url = new URL("file:///c");
    const names = await loadingWith(async (given) => {
      asked.push(given);
      if (given === "keepfit.json") return [loaded("one"), loaded("two")];
      return loaded(typeof given === "object" && "plugin" in given ? "object" : String(given));
    }, async () => {
      const callbacks = [
        "a",
        [{ name: "mine", onEpochEnd() {} }, [reference, null]],
        url,
        "keepfit.json",
      ];
      return (await openList(callbacks, {})).order("onEpochEnd");
    });
    assert.deepEqual(names, ["a", "mine", "object", "file:///c", "one", "two"]);
    assert.deepEqual(asked, ["a", reference, url, "keepfit.json"]);
  });

  it("takes a callback that only has a member called plugin for what it is", () => {
    const callback = { name: "mine", plugin: "text", onEpochEnd() {} };
    assert.deepEqual((openList(callback, {}) as CallbackList).callbacks, [callback]);
  });

  it("closes what it has loaded when something else cannot be, and fails with that", async () => {
    const closed: string[] = [];
    const failure = new RangeError("no such plugin");
    await loadingWith(
      async (given) => {
        if (given === "third") throw failure;
        return loaded(String(given), closed);
      },
      () =>
        assert.rejects(
          async () => await openList(["first", ["second", "third"], "fourth"], {}),
          failure,
        ),
    );
    assert.deepEqual(closed, ["first", "second"]);
  });

  it("closes what it has loaded when the list cannot be made", async () => {
    const closed: string[] = [];
    const stuck: CallbackLike = {
      onEpochEnd() {},
      close() {
        throw new Error("stuck");
      },
    };
    const messages = await warned(() =>
      loadingWith(
        async (given) => given === "stuck" ? stuck : loaded(String(given), closed),
        async () => {
          const error = await errorOf(() => openList(["stuck", "a", {} as CallbackLike], {}));
          assert.equal(error.code, "CALLBACK_INVALID");
        },
      )
    );
    assert.deepEqual(closed, ["a"]);
    assert.deepEqual(messages, ["keepfit: closing a plugin failed too: stuck"]);
  });

  it("says what to do where nothing loads plugins, and prints no password", async () => {
    const error = await loadingWith(
      undefined,
      () => errorOf(() => openList("https://ada:secret@example.com/a", {})),
    );
    assert.equal(error.code, "CALLBACK_INVALID");
    assert.match(
      error.message,
      /"https:\/\/example\.com\/a" is still to be loaded.*import fit from/,
    );
    assert.doesNotMatch(error.message, /secret/);
  });
});
