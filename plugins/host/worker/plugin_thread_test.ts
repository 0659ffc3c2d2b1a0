import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { getRuntime } from "../../../runtime/mod.ts";
import type { WorkerOptions } from "../../../runtime/types.ts";
import { withClock } from "../../../tests/clock.ts";
import { limitsOf } from "../../project/limits.ts";
import { contextWith, logged, refusal } from "../../fixtures.ts";
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
  nonce: number;
}

/** A started thread that a test simulates. */
function threadOf(
  limits: { callTime: number; hookTime?: number },
  onPost: (message: Posted, send: WorkerOptions["onMessage"]) => void,
  addsLogs = false,
): PluginThread {
  let send: WorkerOptions["onMessage"] = () => {};
  const runtime = {
    ...getRuntime(),
    startWorker(_specifier: string, { onMessage }: WorkerOptions) {
      send = onMessage;
      return { post: (message: unknown) => onPost(message as Posted, send), async terminate() {} };
    },
  };
  const thread = new PluginThread(runtime, contextWith().context, limitsOf(limits), addsLogs);
  send({ kind: "ready" });
  return thread;
}

describe("PluginThread", () => {
  it("PluginThread does not mistake a pause of the host for one of the thread", async () => {
    await withClock(async (pass) => {
      let pings = 0;
      let id = 0;
      const thread = threadOf({ callTime: 20 }, (message, send) => {
        if (message.kind === "call") id = message.id;
        if (message.kind !== "ping") return;
        // The first ping is not read until the host continues, an hour later.
        if (++pings === 1) pass(3_600_000);
        else setTimeout(() => send({ kind: "result", id, value: "done" }));
      });
      assert.equal((await thread.ask(call)).value, "done");
      assert.equal(pings, 2);
      await thread.end();
    });
  });

  it("PluginThread ends a thread that does not answer", async () => {
    const thread = threadOf({ callTime: 20 }, () => {});
    await refusal("E_TIMEOUT", () => thread.ask(call), /more than 20 ms/);
    assert.equal(thread.hasEnded, true);
    await refusal("E_TIMEOUT", () => thread.ask(call));
  });

  it("PluginThread accepts only the answer to its last ping", async () => {
    let id = 0;
    const nonces: number[] = [];
    const answering = threadOf({ callTime: 20 }, (message, send) => {
      if (message.kind === "call") id = message.id;
      else if (nonces.push(message.nonce) < 3) send({ kind: "pong", nonce: message.nonce });
      else send({ kind: "result", id, value: "done" });
    });
    assert.equal((await answering.ask(call)).value, "done");
    assert.equal(new Set(nonces).size, 3);
    await answering.end();
    const chatting = threadOf({ callTime: 20 }, (message, send) => {
      if (message.kind !== "ping") return;
      send({ kind: "pong", nonce: message.nonce + 1 });
      send({ kind: "tell", name: "log", args: ["still here"] });
      send({ kind: "ask", id: 1, name: "none", args: [] });
    });
    await logged(() => refusal("E_TIMEOUT", () => chatting.ask(call), /without answering/));
  });

  it("PluginThread ends a thread that sends a message outside its protocol", async () => {
    for (const sent of oddMessages()) {
      const thread = threadOf({ callTime: 60_000 }, (message, send) => {
        if (message.kind === "call") send(sent);
      });
      await refusal("E_CRASH", () => thread.ask(call), /not part of its protocol/);
      assert.equal(thread.hasEnded, true);
    }
  });

  it("PluginThread accepts logs only from a plugin that may add them", async () => {
    const answer = (message: Posted, send: WorkerOptions["onMessage"]) => {
      if (message.kind === "call") {
        send({ kind: "result", id: message.id, logs: { more: 1, bad: NaN } });
      }
    };
    const adding = threadOf({ callTime: 60_000 }, answer, true);
    assert.deepEqual((await adding.ask(call)).logs, { more: 1, bad: NaN });
    await adding.end();
    const other = threadOf({ callTime: 60_000 }, answer);
    await refusal("E_CRASH", () => other.ask(call), /not part of its protocol/);
  });
});

/** Messages that differ from valid ones in one part, and values of every kind. */
function* oddMessages(): Generator<unknown> {
  const odd = [null, undefined, 7, "x", true, [], {}, NaN, 2n ** 70n, new Map(), new Uint8Array(3)];
  yield* odd;
  const error = { name: "Error", message: "x" };
  const good: Record<string, unknown>[] = [
    { kind: "pong", nonce: 1 },
    { kind: "crash", error },
    { kind: "result", id: 1, logs: { loss: 1 } },
    { kind: "result", id: 1, members: ["onEpochEnd"] },
    { kind: "result", id: 1, failed: "E_MODULE", error },
    { kind: "result", id: 1, found: "number" },
    { kind: "ask", id: 1, name: "log", args: [] },
    { kind: "tell", name: "log", args: [] },
  ];
  for (const message of good) {
    for (const key of Object.keys(message)) {
      for (const one of odd) {
        const isFine = (key === "id" || key === "nonce") && one === 7 ||
          key === "args" && Array.isArray(one) || key === "name" && message.kind === "ask" ||
          key === "members" && Array.isArray(one) || key === "logs" && isRecord(one) ||
          key === "found" && one === "x" || key === "nonce" && Number.isNaN(one);
        if (!isFine) yield { ...message, [key]: one };
      }
    }
  }
  yield { kind: "result", id: 4711 };
  yield { kind: "result", id: 1, logs: { loss: "1" } };
  yield { kind: "result", id: 1, members: [7] };
  yield { kind: "result", id: 1, error: { ...error, stack: 5 } };
  yield { kind: "crash", error: { ...error, message: "x".repeat(20_000) } };
  yield { kind: "tell", name: "constructor", args: ["x"] };
  yield { kind: "tell", name: "readWeights", args: [] };
  yield { kind: "ready" };
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array);
}
