import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CallbackLike, CallbackList, type HookOrder } from "keepfit";
import { errorOf } from "./fixtures.ts";

/** A callback with one hook and an optional constraint. */
const one = (name: string, constraint?: HookOrder): CallbackLike => ({
  name,
  onEpochEnd() {},
  ...(constraint !== undefined && {
    hookOrder: (hook: string) => hook === "onEpochEnd" ? constraint : undefined,
  }),
});
const orderOf = (...callbacks: CallbackLike[]): string =>
  new CallbackList(callbacks).order("onEpochEnd").join(" ");

describe("The order of a hook", () => {
  it("The order of a hook is that of the list without constraints", () => {
    assert.equal(orderOf(one("c"), one("a"), one("b")), "c a b");
    assert.equal(orderOf(one("c"), one("a", {}), one("b", { order: "normal" })), "c a b");
  });

  it("The order of a hook starts with pre and ends with post, each in list order", () => {
    const list = [
      one("a"),
      one("z", { order: "post" }),
      one("p", { order: "pre" }),
      one("b"),
      one("y", { order: "post" }),
      one("o", { order: "pre" }),
    ];
    assert.equal(orderOf(...list), "p o a b z y");
  });

  it("The order of a hook is separate for each hook", async () => {
    const seen: string[] = [];
    const last: CallbackLike = {
      onEpochBegin: () => seen.push("last begins"),
      onEpochEnd: async () => seen.push("last ends"),
      hookOrder: (hook) => hook === "onEpochEnd" ? { order: "post" } : undefined,
    };
    const list = new CallbackList([last, {
      onEpochBegin: () => seen.push("other begins"),
      onEpochEnd: () => seen.push("other ends"),
    }]);
    await list.onEpochBegin(0);
    await list.onEpochEnd(0);
    assert.deepEqual(seen, ["last begins", "other begins", "other ends", "last ends"]);
  });

  it("The order of a hook follows constraints by name, and otherwise keeps the order of the list", () => {
    assert.equal(orderOf(one("a"), one("b"), one("x", { before: ["a"] })), "x a b");
    assert.equal(orderOf(one("x", { after: ["b"] }), one("a"), one("b"), one("c")), "a b x c");
    const silent = ["d", "b", "a", "c"].map((name) => one(name));
    const between = one("x", { after: ["b"], before: ["a"] });
    assert.equal(orderOf(between, ...silent), "d b x a c");
    assert.equal(orderOf(...silent, between), "d b x a c");
  });

  it("The order of a hook gives names precedence over pre and post", () => {
    assert.equal(orderOf(one("a"), one("b"), one("x", { order: "post", before: ["b"] })), "a x b");
    assert.equal(orderOf(one("a"), one("x", { order: "pre", after: ["a"] }), one("b")), "a x b");
  });

  it("The order of a hook ignores names that are not in the list, and a callback's own name", () => {
    const constraint = { before: ["no/one", "x"], after: ["nobody", "x"] };
    assert.equal(orderOf(one("a"), one("x", constraint), one("b")), "a x b");
  });

  it("The order of a hook applies the id of a plugin to all of its callbacks", () => {
    const of = ["ada/two:a", "b", "ada/two:c", "ada/twofold"].map((name) => one(name));
    assert.equal(
      orderOf(one("x", { after: ["ada/two"] }), ...of),
      "ada/two:a b ada/two:c x ada/twofold",
    );
  });

  it("The order of a hook rejects circular constraints, and lists them", async () => {
    const error = await errorOf(() =>
      new CallbackList([
        one("ok"),
        one("ada/a", { before: ["ada/b"] }),
        one("ada/b", { before: ["ada/c"] }),
        one("ada/c", { before: ["ada/a"] }),
        one("later", { after: ["ada/c"] }),
      ])
    );
    assert.equal(error.code, "CALLBACK_ORDER");
    assert.equal(error.hook, "onEpochEnd");
    assert.equal(
      error.message,
      "Cannot order the callbacks of onEpochEnd: conflicting constraints ada/a before ada/b, ada/b before ada/c, " +
        "ada/c before ada/a; list them in another order, or remove one",
    );
  });

  it("The order of a hook rejects constraints that contradict the list", async () => {
    const error = await errorOf(() =>
      new CallbackList([one("a"), one("b"), one("x", { after: ["b"], before: ["a"] })])
    );
    assert.match(
      error.message,
      /conflicting constraints (?=.*x before a)(?=.*b before x)(?=.*a before b \(as listed\))/,
    );
  });

  it("The order of a hook rejects an invalid constraint", async () => {
    const constraints: [unknown, RegExp][] = [
      [{ order: "first" }, /hookOrder of x: found order first.*expected "pre", "normal" or "post"/],
      [{ before: "a" }, /before string/],
      [null, /hookOrder of x: /],
    ];
    for (const [constraint, message] of constraints) {
      const error = await errorOf(() => new CallbackList([one("x", constraint as HookOrder)]));
      assert.equal(error.code, "CALLBACK_ORDER");
      assert.match(error.message, message);
    }
    const throwing: CallbackLike = {
      ...one("x"),
      hookOrder() {
        throw new Error("no constraint");
      },
    };
    assert.match((await errorOf(() => new CallbackList(throwing))).message, /x: no constraint$/);
  });
});
