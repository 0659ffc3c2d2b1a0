import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { getRuntime } from "../../../runtime/mod.ts";
import { contextWith, refusal, type World } from "../../fixtures.ts";

const runtime = { ...getRuntime(), env: (name: string) => ({ TOKEN: "1", OTHER: "2" })[name] };

describe("env of a context", () => {
  it("env returns only granted variables", async () => {
    assert.equal(contextWith().context.env, undefined);
    const env = ["TOKEN", "NONE"].map((name) => ({ name, reason: "logs in" }));
    const { context } = contextWith({ permissions: { env }, runtime });
    assert.equal(context.env?.("TOKEN"), "1");
    assert.equal(context.env?.("NONE"), undefined);
    for (const name of ["OTHER", "token", "", "*"]) {
      await refusal("E_PERMISSION", () => context.env?.(name), /one of TOKEN, NONE/);
    }
  });

  it("env returns the optional variables that the user allows", async () => {
    const optionalPermissions: World["permissions"] = {
      env: ["TOKEN", "OTHER"].map((name) => ({ name, reason: "r" })),
    };
    const { context } = contextWith({ optionalPermissions, allow: { env: ["OTHER"] }, runtime });
    assert.equal(context.env?.("OTHER"), "2");
    await refusal("E_PERMISSION", () => context.env?.("TOKEN"), /expected: one of OTHER/);
  });
});

describe("run of a context", () => {
  // Node runs the test command, so it is always available.
  const permissions = { run: [{ name: "node", reason: "notifies" }] };

  it("run runs only granted commands", async () => {
    assert.equal(contextWith().context.run, undefined);
    const { run } = contextWith({ permissions }).context;
    const code = `console.log(process.argv[1]); process.exitCode = 4`;
    assert.deepEqual(await run?.("node", ["-e", code, "; echo"]), {
      code: 4,
      stdout: "; echo\n",
      stderr: "",
    });
    for (const command of ["sh", "/usr/bin/node", "node ", "./node", ""]) {
      await refusal("E_PERMISSION", () => run?.(command, []), /expected: one of node/);
    }
    await assert.rejects(async () => await run?.("node", "-e" as unknown as string[]), TypeError);
    await assert.rejects(async () => await run?.("node", [5 as unknown as string]), TypeError);
  });

  it("run truncates the output of a command and ends one that takes too long", async () => {
    const { run } = contextWith({ permissions, limits: { bytes: 3 } }).context;
    assert.equal((await run?.("node", ["-e", "console.log('12345')"]))?.stdout, "123");
    const short = contextWith({ permissions, limits: { hookTime: 200 } }).context;
    const endless = ["-e", "setInterval(() => {}, 1000)"];
    await refusal(
      "E_TIMEOUT",
      () => short.run?.("node", endless),
      /longer than 200 ms and was killed/,
    );
  });

  it("run ends with the run", async () => {
    const { context, run } = contextWith({ permissions, limits: { hookTime: 300 } });
    void context.run?.("node", ["-e", "setInterval(() => {}, 1000)"]);
    await refusal("E_TIMEOUT", () => run.close());
    await refusal("E_PERMISSION", () => context.run?.("node", []), /its run has ended/);
  });
});
