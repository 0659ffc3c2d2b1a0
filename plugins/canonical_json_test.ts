import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRandom, someJson } from "../tests/seeded.ts";
import { canonicalJson } from "./canonical_json.ts";

describe("Canonical JSON", () => {
  it("Canonical JSON of RFC 8785's example matches the RFC", () => {
    const text = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`;
    assert.equal(
      canonicalJson(JSON.parse(text)),
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        // Bun's String.raw would spell the euro sign as an escape.
        '"string":"€' + String.raw`$\u000f\nA'B\"\\\\\"/"}`,
    );
  });

  it("Canonical JSON sorts keys by UTF-16 units at every depth", () => {
    // RFC 8785, 3.2.3: by code points, the emoji would follow the Hebrew letter.
    const text = String.raw`{
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis"
    }`;
    const parsed = JSON.parse(canonicalJson(JSON.parse(text))) as object;
    const written = [...canonicalJson(JSON.parse(text)).matchAll(/:"([^"]+)"/g)];
    assert.equal(Object.keys(parsed).length, 7);
    assert.deepEqual(written.map(([, value]) => value), [
      "Carriage Return",
      "One",
      "Control",
      "Latin Small Letter O With Diaeresis",
      "Euro Sign",
      "Emoji: Grinning Face",
      "Hebrew Letter Dalet With Dagesh",
    ]);
    assert.equal(
      canonicalJson({ 10: 1, 9: { b: 1, a: [{ d: 1, c: 2 }] } }),
      '{"10":1,"9":{"a":[{"c":2,"d":1}],"b":1}}',
    );
  });

  // RFC 8785, appendix B: the bits of a number and its text.
  const numbers: [bits: string, text: string][] = [
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["8000000000000001", "-5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["ffefffffffffffff", "-1.7976931348623157e+308"],
    ["4340000000000000", "9007199254740992"],
    ["c340000000000000", "-9007199254740992"],
    ["4430000000000000", "295147905179352830000"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["44b52d02c7e14af6", "1e+23"],
    ["44b52d02c7e14af7", "1.0000000000000001e+23"],
    ["444b1ae4d6e2ef4e", "999999999999999700000"],
    ["444b1ae4d6e2ef4f", "999999999999999900000"],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["41b3de4355555553", "333333333.3333332"],
    ["41b3de4355555554", "333333333.33333325"],
    ["41b3de4355555555", "333333333.3333333"],
    ["41b3de4355555556", "333333333.3333334"],
    ["41b3de4355555557", "333333333.33333343"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
    ["43143ff3c1cb0959", "1424953923781206.2"],
  ];
  it("Canonical JSON formats numbers like the RFC's table", () => {
    for (const [bits, text] of numbers) {
      const view = new DataView(new ArrayBuffer(8));
      view.setBigUint64(0, BigInt(`0x${bits}`));
      assert.equal(canonicalJson(view.getFloat64(0)), text, bits);
    }
  });

  it("Canonical JSON escapes only characters that must be escaped", () => {
    assert.equal(
      canonicalJson('\b\t\n\f\r"\\/\u0000\u001f\u007f\u2028é😀'),
      String.raw`"\b\t\n\f\r\"\\/\u0000\u001f` + '\u007f\u2028é😀"',
    );
  });

  it("Canonical JSON rejects values that JSON cannot represent", () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    for (
      const value of [
        undefined,
        NaN,
        -Infinity,
        "\ud800",
        "a\udc00b",
        { "\ud83d": 1 },
        { a: undefined },
        [, 1],
        () => 1,
        1n,
        Symbol("a"),
        new Date(0),
        new Map(),
      ]
    ) {
      assert.throws(() => canonicalJson(value), /Cannot write canonical JSON: found .*, expected/);
    }
    assert.throws(() => canonicalJson(cycle), /nested deeper than 128/);
  });

  it("Canonical JSON represents the same data, and does not depend on how the data was built", () => {
    for (let seed = 0; seed < 500; seed++) {
      const data = someJson(createRandom(seed));
      const text = canonicalJson(data);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(data)), `seed ${seed}`);
      assert.equal(canonicalJson(reversed(data)), text, `seed ${seed}`);
    }
  });
});

/** The same data with its keys in reverse order. */
function reversed(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  return Object.fromEntries(Object.entries(value).reverse().map(([k, v]) => [k, reversed(v)]));
}
