import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CommandOptions, getRuntime } from "keepfit/runtime";
import { startChild } from "../tests/child.ts";

const { runCommand, name } = getRuntime();
const plenty: CommandOptions = { timeout: 60_000, maxBytes: 1000 };

/** Node is always installed: it runs the test command. */
const node = (code: string, options: Partial<CommandOptions> = {}, args: string[] = []) =>
  runCommand("node", ["-e", code, ...args], { ...plenty, ...options });

describe("runCommand", () => {
  it("runCommand returns both outputs and the exit code", async () => {
    const code = `console.log("å"); console.error("bad"); process.exitCode = 3`;
    assert.deepEqual(await node(code), { code: 3, stdout: "å\n", stderr: "bad\n" });
  });

  it("runCommand passes arguments unchanged, without a shell", async () => {
    const args = ["a b", "$HOME", "*", '"; exit 1', ""];
    const { stdout } = await node("console.log(JSON.stringify(process.argv.slice(1)))", {}, args);
    assert.deepEqual(JSON.parse(stdout), args);
  });

  it("runCommand provides no input", async () => {
    const { stdout } = await node(`process.stdin.on("data", () => {}).on("end", () =>
      console.log("end"))`);
    assert.equal(stdout, "end\n");
  });

  it("runCommand truncates a long output, and lets the command continue", async () => {
    const code = `
      process.stdout.write("å".repeat(500_000), () => console.error("done"));`;
    const { stdout, stderr } = await node(code, { maxBytes: 11 });
    assert.deepEqual([stdout, stderr, (await node(code)).stdout.length], [
      "å".repeat(5),
      "done\n",
      500,
    ]);
  });

  it("runCommand kills a command that takes too long, even if its child process keeps the output open", async () => {
    const code = `
      const { spawn } = require("node:child_process");
      spawn(process.execPath, ["-e", "setTimeout(() => {}, 20_000)"], { stdio: "inherit" });
      setInterval(() => {}, 1000);`;
    await assert.rejects(node(code, { timeout: 300 }), {
      name: "TimeoutError",
      message: "Cannot run node: it took longer than 300 ms and was killed",
    });
  });

  it("runCommand kills a command when the signal aborts, and starts none with an aborted signal", async () => {
    const controller = new AbortController();
    const reason = new RangeError("closed");
    const running = node("setInterval(() => {}, 1000)", { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 100);
    await assert.rejects(running, reason);
    await assert.rejects(node("", { signal: controller.signal }), reason);
  });

  it("runCommand reports a command that was ended by a signal", async () => {
    const { code } = await node(
      `process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000)`,
    );
    assert.equal(code, 128 + 15);
  });

  it("runCommand reports a missing program", async () => {
    await assert.rejects(runCommand("keepfit-no-such", [], plenty), {
      message: "Cannot run keepfit-no-such: program not found (install it, or add its " +
        "folder to PATH)",
    });
  });

  it("runCommand names the flag that Deno needs", async () => {
    if (name !== "deno") return console.log("skipped: only Deno has permissions");
    const { result } = startChild(
      `
      import { getRuntime } from "keepfit/runtime";
      await getRuntime().runCommand("node", [], { timeout: 1000, maxBytes: 10 })
        .catch((error) => console.log(error.message));
    `,
      { permissions: [] },
    );
    assert.equal(
      (await result).stdout,
      "Cannot run node: permission denied (run Deno again with --allow-run=node)\n",
    );
  });
});
