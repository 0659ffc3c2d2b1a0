import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { InterruptedError, interruptSignal } from "keepfit/runtime";
import { startChild } from "../tests/child.ts";
import { withClock } from "../tests/clock.ts";

// The timer takes the place of a training: it keeps the process alive for a limited time.
const listening = `
  import { interruptSignal } from "keepfit/runtime";
  const interruption = interruptSignal();
  const training = setTimeout(() => {}, 20_000);
  interruption.signal.addEventListener("abort", () => {
    console.log(interruption.signal.reason.name, interruption.signal.reason.signal);
    // One key press may arrive twice: a signal counts as another one only after 100 ms.
    setTimeout(() => console.log("150 ms later"), 150);
    if (process.argv.includes("stop")) clearTimeout(training), interruption.release();
  });
  console.log("ready");
`;
const skip = process.platform === "win32" ? "Windows has no such signals" : false;

describe("interruptSignal", { skip }, () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    it(`interruptSignal aborts on ${signal}, and the process ends normally after release`, async () => {
      const { child, printed, result } = startChild(listening, { args: ["stop"] });
      await printed("ready");
      process.kill(child.pid!, signal);
      const { code, stdout, stderr } = await result;
      assert.equal(stdout, `ready\nInterruptedError ${signal}\n150 ms later\n`, stderr);
      assert.equal(code, 0);
    });
  }

  for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    it(`interruptSignal ends the process with ${exitCode} when ${signal} arrives twice`, async () => {
      const { child, printed, result } = startChild(listening);
      await printed("ready");
      process.kill(child.pid!, signal);
      await printed("150 ms later");
      process.kill(child.pid!, signal);
      assert.equal((await result).code, exitCode);
      assert.equal(new InterruptedError(signal).exitCode, exitCode);
    });
  }

  it("interruptSignal lets Ctrl-C end the process again after release", async () => {
    const module = `
      import { interruptSignal } from "keepfit/runtime";
      const interruption = interruptSignal();
      interruption.release();
      interruption.release();
      setTimeout(() => {}, 20_000);
      console.log("ready");
    `;
    const { child, printed, result } = startChild(module);
    await printed("ready");
    process.kill(child.pid!, "SIGINT");
    const { code, signal } = await result;
    assert(signal === "SIGINT" || code === 130, `${signal} ${code}`);
  });

  it("interruptSignal counts a key press that arrives twice as one, and separate ones as two", async () => {
    let interrupt: (signal: "SIGINT") => void = () => {};
    const exits: number[] = [];
    const runtime = {
      onInterrupt(listener: typeof interrupt) {
        interrupt = listener;
        return () => {};
      },
      exit(code: number): never {
        exits.push(code);
        return undefined as never;
      },
    };
    await withClock((pass) => {
      const { signal } = interruptSignal({ runtime });
      interrupt("SIGINT");
      interrupt("SIGINT");
      assert(signal.reason instanceof InterruptedError);
      assert.deepEqual(exits, []);
      pass(101);
      interrupt("SIGINT");
      assert.deepEqual(exits, [130]);
    });
  });
});
