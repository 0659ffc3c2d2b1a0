import { messageOf } from "../core/errors.ts";
import type { WorkerOptions, WorkerThread } from "./types.ts";

/** The little of the web's `Worker` that Deno and Bun have in common. */
interface WebWorker {
  postMessage(message: unknown): void;
  terminate(): void;
  addEventListener(type: string, listener: (event: WorkerEvent) => void): void;
  /** Bun only: a thread that nobody waits for does not keep the process. */
  unref?(): void;
}

interface WorkerEvent {
  data?: unknown;
  error?: unknown;
  message?: string;
  preventDefault(): void;
}

/** A thread by the web's `Worker`, which Deno and Bun have. */
export function startWebWorker(
  specifier: string,
  { onMessage, onEnd }: WorkerOptions,
): WorkerThread {
  const { Worker } = globalThis as unknown as {
    Worker: new (specifier: string, options: object) => WebWorker;
  };
  // Deno warns of an environment of its own, and has none.
  const environment = "Deno" in globalThis ? {} : { env: {} };
  const worker = new Worker(specifier, { type: "module", ...environment });
  let ended = false;
  const end = (reason: string): void => {
    if (ended) return;
    ended = true;
    worker.terminate();
    onEnd(reason);
  };
  worker.addEventListener("message", ({ data }) => {
    if (!ended) onMessage(data);
  });
  worker.addEventListener("error", (event) => {
    // Deno would raise it again in this thread, where nobody could catch it.
    event.preventDefault();
    end(reasonOf(event));
  });
  worker.addEventListener("messageerror", () => end("it sent what cannot be read"));
  // Bun tells when a thread has ended itself; Deno does not.
  worker.addEventListener("close", () => end("it ended itself"));
  worker.unref?.();
  return {
    post: (message) => {
      if (!ended) worker.postMessage(message);
    },
    terminate: async () => {
      ended = true;
      worker.terminate();
      await Promise.resolve();
    },
  };
}

function reasonOf({ error, message = "it failed" }: WorkerEvent): string {
  if (error instanceof Error) return messageOf(error);
  // Bun sends what it would print, with the source around the place.
  const [, line] = /^error: (.*)$/m.exec(message) ?? [];
  return line ?? message;
}

/** A thread by `node:worker_threads`. */
export function startNodeWorker(
  specifier: string,
  { onMessage, onEnd, memory }: WorkerOptions,
): WorkerThread {
  const { Worker } = process.getBuiltinModule("node:worker_threads");
  const worker = new Worker(new URL(specifier), {
    // Not this process's flags: a loader of TypeScript has no work there.
    execArgv: [],
    env: {},
    resourceLimits: memory === undefined
      ? undefined
      : { maxOldGenerationSizeMb: Math.ceil(memory / 2 ** 20) },
  });
  let ended = false;
  const end = (reason: string): void => {
    if (ended) return;
    ended = true;
    onEnd(reason);
  };
  worker.on("message", (message) => {
    if (!ended) onMessage(message);
  });
  worker.on("messageerror", () => end("it sent what cannot be read"));
  worker.on("error", (error) => end(messageOf(error)));
  worker.on("exit", (code) => end(`it ended itself with code ${code}`));
  worker.unref();
  return {
    post: (message) => {
      if (!ended) worker.postMessage(message);
    },
    terminate: async () => {
      ended = true;
      await worker.terminate();
    },
  };
}
