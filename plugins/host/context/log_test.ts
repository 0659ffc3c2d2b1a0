import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { logAccess } from "./log.ts";
import { limitsOf } from "../../project/limits.ts";
import { PluginRun } from "../run.ts";
import { contextWith, logged, manifestWith } from "../../fixtures.ts";

describe("log of a context", () => {
  it("log prefixes a line with the plugin's id, and indents further ones", async () => {
    const { context } = contextWith();
    const lines = await logged(() => {
      context.log("epoch 1");
      context.log("one\r\ntwo\n\tthree");
      context.log("");
      context.log(5 as unknown as string);
    });
    assert.deepEqual(lines, [
      "ada/counter: epoch 1",
      "ada/counter: one\n  two\n  \tthree",
      "ada/counter: ",
      "ada/counter: 5",
    ]);
  });

  it("log escapes control characters, escape sequences and reversed text", async () => {
    const [line] = await logged(() =>
      contextWith().context.log("a\u001b[31mb\u009b2Jc\rd\u0007e\u202ef\u2028g\0\u007f é 漢 👩‍👧")
    );
    assert.equal(
      line,
      "ada/counter: a\\u001b[31mb\\u009b2Jc\\u000dd\\u0007e\\u202ef\\u2028g\\u0000\\u007f é 漢 👩‍👧",
    );
  });

  it("log truncates a line to 1000 characters, including its escapes", async () => {
    const lines = await logged(() => {
      const { context } = contextWith();
      context.log("x".repeat(1000));
      context.log("x".repeat(1e6));
      context.log("\u0007".repeat(900));
    });
    const texts = lines.map((line) => line.slice("ada/counter: ".length));
    assert.equal(texts[0], "x".repeat(1000));
    assert.equal(texts[1], `${"x".repeat(999)}…`);
    assert.equal(texts[2].length, 1000);
  });

  it("log limits the lines per minute, and reports the number of omitted ones once", async () => {
    let now = 1000;
    const run = new PluginRun("ada/counter", 1000);
    const lines: string[] = [];
    const parts = {
      manifest: manifestWith(),
      limits: limitsOf({ logLines: 3 }),
      log: (line: string) => lines.push(line),
      run,
    };
    const { log } = logAccess(parts, () => now);
    await logged(async () => {
      log("1");
      log("2\n3\n4\n5");
      for (let i = 0; i < 100; i++) log("x");
      now += 59_999;
      log("x");
      now += 1;
      log("next minute");
      log("\n".repeat(1_000_000));
      now += 60_000;
      log("more");
      await run.close();
      for (let i = 0; i < 3; i++) log("x");
      await run.close();
    });
    assert.deepEqual(lines, [
      "ada/counter: 1",
      "ada/counter: 2\n  3",
      "ada/counter: … 103 more lines of ada/counter were dropped",
      "ada/counter: next minute",
      "ada/counter: \n  ",
      "ada/counter: … 999999 more lines of ada/counter were dropped",
      "ada/counter: more",
      "ada/counter: x",
      "ada/counter: x",
      "ada/counter: … 1 more line of ada/counter was dropped",
    ]);
  });
});
