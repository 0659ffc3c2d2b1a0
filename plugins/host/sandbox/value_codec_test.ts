import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { maxDepth } from "./protocol.ts";
import { decode, describe as describeError, encode } from "./value_codec.ts";

describe("Values for a sandbox", () => {
  it("Values for a sandbox are encoded as JSON and bytes, and decode to the same", () => {
    const value = {
      list: [1, -0, NaN, Infinity, -Infinity, null, undefined, true],
      text: ["~", "~u", "\0\ud800"],
      bytes: [Uint8Array.of(1, 2), Float64Array.of(NaN, -0), new Int16Array(0)],
      nested: { "": [] },
    };
    assert.deepEqual(decode(encode(value)), value);
    assert.equal(encode([1, "a"]).text, `[1,"a"]`);
    assert.equal(encode([1]).bytes, undefined);
  });

  it("Values for a sandbox include errors without their stack, and functions by number", () => {
    const error = Object.assign(new RangeError("no"), { code: "E_NO" });
    const expected = { name: "RangeError", message: "no", code: "E_NO" };
    assert.deepEqual(describeError(error), expected);
    assert.deepEqual(encode(error).text, JSON.stringify(`~e${JSON.stringify(expected)}`));
    const functions: unknown[] = [];
    const { text } = encode({ a() {}, b() {} }, (call) => functions.push(call) - 1);
    assert.equal(text, `{"a":"~f0","b":"~f1"}`);
    assert.equal(functions.length, 2);
    assert.throws(() => encode({ a() {} }), /Cannot pass a function/);
  });

  it("Values for a sandbox keep their own depth and prototype", () => {
    let deep: unknown = 1;
    for (let i = 0; i <= maxDepth + 1; i++) deep = [deep];
    assert.throws(() => encode(deep), RangeError);
    const text = `${"[".repeat(maxDepth + 2)}${"]".repeat(maxDepth + 2)}`;
    assert.throws(() => decode({ text }), /too deep/);
    const value = decode({ text: `{"__proto__":{"polluted":1},"constructor":2}` });
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.deepEqual(Object.keys(value as object), ["__proto__", "constructor"]);
  });

  it("Values for a sandbox are rejected if the other side could not have written them", () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const wrong = ["~bUint8Array,2,3", "~bFoo,0,1", "~btoString,0,1", "~b", "~f0", "~e{}", "~x"];
    for (const text of wrong) {
      assert.throws(() => decode({ text: JSON.stringify(text), bytes }), TypeError, text);
    }
    assert.throws(() => decode({ text: `"~bFloat32Array,0,3"`, bytes }), RangeError);
    assert.throws(() => decode({ text: "[1" }), SyntaxError);
  });
});
