import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PluginError } from "./errors.ts";

describe("PluginError", () => {
  it("PluginError escapes control characters in foreign text, and keeps its fields unchanged", () => {
    const actual = "\u001b[2Jfine\u202e";
    const error = new PluginError("E_HTTP", "Cannot read a\u200bb", { actual, hint: "two\nlines" });
    assert.equal(
      error.message,
      "Cannot read a\\u200bb\n  actual:   \\u001b[2Jfine\\u202e\n  hint:     two\nlines",
    );
    assert.equal(error.actual, actual);
  });
});
