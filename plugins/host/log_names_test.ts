import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { refusal } from "../fixtures.ts";
import { LogNames } from "./log_names.ts";

describe("LogNames", () => {
  it("LogNames accepts common names of metrics", () => {
    const names = new LogNames("ada/counter");
    for (const name of ["loss", "val_f1 (macro)", "точность", "精度", "🙂", "a/b:c", " "]) {
      names.check(name);
    }
  });

  it("LogNames rejects empty, long, hidden and terminal-controlling names", async () => {
    const names = new LogNames("ada/counter");
    const bad = [
      "",
      "\x1b[2J",
      "a\nb",
      "\u009b2J",
      "\u202eloss",
      "lo\u00adss",
      "\u{e0041}",
      "\u200b",
    ];
    for (const name of [...bad, "x".repeat(201)]) {
      const { message } = await refusal("E_LIMIT", () => names.check(name), /a log of this name/);
      assert.equal(/\p{Cc}|\u202e/u.test(message.replaceAll("\n", "")), false);
      assert(message.length < 400);
    }
    names.check("x".repeat(200));
  });

  it("LogNames counts different names, not their occurrences", async () => {
    const names = new LogNames("ada/counter");
    for (let round = 0; round < 3; round++) for (let i = 0; i < 1000; i++) names.check(`m${i}`);
    await refusal("E_LIMIT", () => names.check("one more"), /too many/);
    names.check("m0");
  });
});
