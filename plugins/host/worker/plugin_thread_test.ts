import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { getRuntime } from "../../../runtime/mod.ts";
import type { WorkerOptions } from "../../../runtime/types.ts";
import { withClock } from "../../../tests/clock.ts";
import { limitsOf } from "../../project/limits.ts";
import { contextWith, refusal } from "../../fixtures.ts";
import { PluginThread } from "./plugin_thread.ts";
import type { HostRequest } from "./protocol.ts";

const call: HostRequest = {
  kind: "call",
  member: "onTrainEnd",
  args: [],
  learningRate: undefined,
};

interface Posted {
  kind: string;
  id: number;
}

/** A thread that is played by a test, started. */
function threadOf(
  limits: { callTime: number },
  onPost: (message: Posted, send: WorkerOptions["onMessage"]) => void,
): PluginThread {
  let send: WorkerOptions["onMessage"] = () => {};
  const runtime = {
    ...getRuntime(),
    startWorker(_specifier: string, { onMessage }: WorkerOptions) {
      send = onMessage;
      return { post: (message: unknown) => onPost(message as Posted, send), async terminate() {} };
    },
  };
  const thread = new PluginThread(runtime, contextWith().context, limitsOf(limits));
  send({ kind: "pong" });
  return thread;
}

describe("PluginThread", () => {
  it("does not take a pause of the host for one of the thread", async () => {
    await withClock(async (pass) => {
      let pings = 0;
      let id = 0;
      const thread = threadOf({ callTime: 20 }, (message, send) => {
        if (message.kind === "call") id = message.id;
        if (message.kind !== "ping") return;
        // The first sign is not read before the host goes on, an hour later.
        if (++pings === 1) pass(3_600_000);
        else setTimeout(() => send({ kind: "result", id, value: "done" }));
      });
      assert.equal((await thread.ask(call)).value, "done");
      assert.equal(pings, 2);
      await thread.end();
    });
  });

  it("ends a thread that gives no sign", async () => {
    const thread = threadOf({ callTime: 20 }, () => {});
    await refusal("E_TIMEOUT", () => thread.ask(call), /longer than 20 ms/);
    assert.equal(thread.hasEnded, true);
    await refusal("E_TIMEOUT", () => thread.ask(call));
  });
});
