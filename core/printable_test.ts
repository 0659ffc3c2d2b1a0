import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { printable } from "./printable.ts";

describe("printable", () => {
  it("printable escapes characters that control a terminal, reverse text or are invisible", () => {
    const unsafe: [text: string, shown: string][] = [
      ["\u001b[2J\u009b2J\u0007\0\u007f", "\\u001b[2J\\u009b2J\\u0007\\u0000\\u007f"],
      ["a\rb", "a\\u000db"],
      ["\u202egnp.exe\u2066\u200f\u061c", "\\u202egnp.exe\\u2066\\u200f\\u061c"],
      ["a\u2028b\u2029c", "a\\u2028b\\u2029c"],
      ["pay\u200bpal\u2060\ufeff\u00ad\u180e", "pay\\u200bpal\\u2060\\ufeff\\u00ad\\u180e"],
      ["\u{e0041}\u{e007f}", "\\udb40\\udc41\\udb40\\udc7f"],
    ];
    for (const [text, shown] of unsafe) assert.equal(printable(text), shown);
  });

  it("printable leaves normal text unchanged, including tabs and line ends", () => {
    const text = "a\tb\nc é 漢字 हिन्दी می‌خواهم 👩‍👧 ❤️ \u0000".slice(0, -1);
    assert.equal(printable(text), text);
    assert.equal(printable("a\r\nb"), "a\nb");
  });

  it("printable does not change the data of JSON", () => {
    const data = { text: "a\u202e\u{e0041}\u001b" };
    assert.deepEqual(JSON.parse(printable(JSON.stringify(data))), data);
  });
});
