import { messageOf } from "../core/errors.ts";
import type { WorkerOptions, WorkerThread } from "./types.ts";

/** The part of the web's `Worker` that keepfit uses. */
interface WebWorker {
  postMessage(message: unknown): void;
  terminate(): void;
  addEventListener(type: string, listener: (event: WorkerEvent) => void): void;
  /** Let the process exit while the thread runs. */
  unref(): void;
}

interface WorkerEvent {
  data?: unknown;
  error?: unknown;
  message?: string;
  preventDefault(): void;
}

/** Start a thread with Bun's `Worker`, which is that of the web. */
export function startWebWorker(
  specifier: string,
  { onMessage, onEnd }: WorkerOptions,
): WorkerThread {
  const { Worker } = globalThis as unknown as {
    Worker: new (specifier: string, options: object) => WebWorker;
  };
  const worker = new Worker(specifier, { type: "module", env: {} });
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
    event.preventDefault();
    end(reasonOf(event));
  });
  worker.addEventListener("messageerror", () => end("it sent a message that cannot be decoded"));
  worker.addEventListener("close", () => end("it exited"));
  worker.unref();
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
  // Bun sends the printed form, with the source code around the error.
  const [, line] = /^error: (.*)$/m.exec(message) ?? [];
  return line ?? message;
}

/**
 * Start a thread with `node:worker_threads`. Deno uses it too, because its own `Worker` keeps the
 * process alive.
 */
export function startNodeWorker(
  specifier: string,
  { onMessage, onEnd, memory }: WorkerOptions,
): WorkerThread {
  const { Worker } = process.getBuiltinModule("node:worker_threads");
  const worker = new Worker(new URL(specifier), {
    // The flags of this process are not passed on: the thread needs no TypeScript loader.
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
  worker.on("messageerror", () => end("it sent a message that cannot be decoded"));
  worker.on("error", (error) => end(messageOf(error)));
  worker.on("exit", (code) => end(`it exited with code ${code}`));
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
