import { messageOf } from "../../../core/errors.ts";
import type { Runtime, WorkerThread } from "../../../runtime/types.ts";
import type { PluginContext } from "../context/mod.ts";
import { PluginError } from "../../errors.ts";
import { toBase64 } from "../../manifest/integrity.ts";
import type { PluginLimits } from "../../project/limits.ts";
import type {
  HostMessage,
  HostRequest,
  PlainError,
  ThreadMessage,
  ThreadResult,
} from "./protocol.ts";
import { threadCode } from "./thread.generated.ts";

interface Waiting {
  resolve(result: ThreadResult): void;
  reject(error: Error): void;
}

/**
 * A thread that a plugin runs in, and the talk with it. A thread whose event loop gives no sign for
 * `limits.callTime` while something is asked of it is ended.
 */
export class PluginThread {
  readonly #id: string;
  readonly #context: PluginContext;
  readonly #callTime: number;
  readonly #thread: WorkerThread;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  #dead: PluginError | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #begun = false;
  #answered = false;

  constructor(runtime: Runtime, context: PluginContext, limits: Required<PluginLimits>) {
    this.#id = context.id;
    this.#context = context;
    this.#callTime = limits.callTime;
    const source = toBase64(new TextEncoder().encode(threadCode));
    this.#thread = runtime.startWorker(`data:text/javascript;base64,${source}`, {
      memory: limits.memory,
      onMessage: (message) => this.#receive(message as ThreadMessage),
      onEnd: (reason) => this.#die(reason),
    });
    // A busy machine may take long to start a thread, which is not the plugin's fault.
    this.#watch = setTimeout(() => {
      this.#die(`it did not start within ${limits.hookTime} ms`, "E_TIMEOUT");
    }, limits.hookTime);
  }

  /**
   * Ask something of the thread.
   *
   * @throws PluginError `E_TIMEOUT` when the thread hangs, `E_CRASH` when it has ended
   * @throws Error what the plugin threw
   */
  ask(message: HostRequest): Promise<ThreadResult> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#waiting.set(id, { resolve, reject });
      try {
        this.#post({ ...message, id });
      } catch (error) {
        this.#waiting.delete(id);
        return reject(error);
      }
      this.#watchOver();
    });
  }

  /** True once it has ended, however. */
  get hasEnded(): boolean {
    return this.#dead !== undefined;
  }

  /** End the thread. What waits for it fails. */
  async end(): Promise<void> {
    this.#die("it was closed");
    await this.#thread.terminate();
  }

  /** See that the thread's event loop turns as long as something is asked of it. */
  #watchOver(): void {
    if (this.#watch !== undefined || !this.#begun) return;
    let pinged = false;
    let due = 0;
    const look = (): void => {
      this.#watch = undefined;
      if (this.#waiting.size === 0) return;
      // After a pause of this thread (a busy machine, a laptop that slept) a sign may be there unread.
      const isOnTime = performance.now() < due + this.#callTime / 2;
      if (pinged && !this.#answered && isOnTime) {
        return this.#die(
          `it computed longer than ${this.#callTime} ms without a sign`,
          "E_TIMEOUT",
        );
      }
      pinged = true;
      this.#answered = false;
      due = performance.now() + this.#callTime;
      this.#post({ kind: "ping" });
      this.#watch = setTimeout(look, this.#callTime);
    };
    this.#watch = setTimeout(look, this.#callTime);
  }

  #post(message: HostMessage): void {
    this.#thread.post(message);
  }

  #die(reason: string, code: "E_CRASH" | "E_TIMEOUT" = "E_CRASH"): void {
    if (this.#dead !== undefined) return;
    clearTimeout(this.#watch);
    this.#dead = new PluginError(code, `The thread of plugin ${this.#id} has ended: ${reason}`);
    this.#thread.terminate().catch(() => {});
    for (const { reject } of this.#waiting.values()) reject(this.#dead);
    this.#waiting.clear();
  }

  #receive(message: ThreadMessage): void {
    this.#answered = true;
    if (!this.#begun) {
      this.#begun = true;
      clearTimeout(this.#watch);
      this.#watch = undefined;
      this.#watchOver();
    }
    if (message.kind === "result") {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (this.#waiting.size === 0) {
        clearTimeout(this.#watch);
        this.#watch = undefined;
      }
      if (message.error !== undefined && message.failed === undefined) {
        return waiting?.reject(toError(message.error));
      }
      return waiting?.resolve(message);
    }
    if (message.kind === "tell") {
      try {
        this.#call(message.name, message.args);
      } catch (error) {
        console.warn(`keepfit: ${message.name} of plugin ${this.#id}: ${messageOf(error)}`);
      }
    }
    if (message.kind === "crash") return this.#die(message.error.message);
    if (message.kind === "ask") void this.#answer(message.id, message.name, message.args);
  }

  async #answer(id: number, name: string, args: unknown[]): Promise<void> {
    try {
      this.#post({ kind: "answer", id, value: await this.#call(name, args) });
    } catch (error) {
      const { code } = error as { code?: string };
      this.#post({ kind: "answer", id, error: { message: messageOf(error), code } });
    }
  }

  #call(name: string, args: unknown[]): unknown {
    const found = Object.hasOwn(this.#context, name)
      ? this.#context[name as keyof PluginContext]
      : undefined;
    if (typeof found !== "function") throw new TypeError(`there is no ${name} in the context`);
    return (found as (...args: unknown[]) => unknown)(...args);
  }
}

/** An error of this side that tells what the other one had. */
export function toError({ name, message, stack }: PlainError): Error {
  const error = new Error(message);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}
