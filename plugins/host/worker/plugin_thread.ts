import { messageOf } from "../../../core/errors.ts";
import { printable } from "../../../core/printable.ts";
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
  ToldName,
} from "./protocol.ts";
import { threadCode } from "./thread.generated.ts";
import { readThreadMessage } from "./thread_messages.ts";

interface Waiting {
  resolve(result: ThreadResult): void;
  reject(error: Error): void;
}

/**
 * A thread that a plugin runs in, and the messages to and from it. The thread is ended when its
 * event loop does not answer within `limits.callTime` while a call is pending, or when it sends a
 * message that is not part of the protocol.
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
  readonly #addsLogs: boolean;
  /** Number of the last ping, which its answer must carry; 0 before the first one. */
  #nonce = 0;
  #answered = false;
  #hasWarned = false;

  /** @param addsLogs whether the plugin has the control `addLogs` */
  constructor(
    runtime: Runtime,
    context: PluginContext,
    limits: Required<PluginLimits>,
    addsLogs: boolean,
  ) {
    this.#id = context.id;
    this.#context = context;
    this.#callTime = limits.callTime;
    this.#addsLogs = addsLogs;
    const source = toBase64(new TextEncoder().encode(threadCode));
    this.#thread = runtime.startWorker(`data:text/javascript;base64,${source}`, {
      memory: limits.memory,
      onMessage: (sent) => this.#receive(sent),
      onEnd: (reason) => this.#die(reason),
    });
    // Starting a thread may take long on a busy machine, which is not the plugin's fault.
    this.#watch = setTimeout(() => {
      this.#die(`it did not start within ${limits.hookTime} ms`, "E_TIMEOUT");
    }, limits.hookTime);
  }

  /**
   * Send a request to the thread.
   *
   * @throws PluginError `E_TIMEOUT` if the thread hangs, `E_CRASH` if it has ended
   * @throws Error the error of the plugin
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

  /** Whether it has ended, for any reason. */
  get hasEnded(): boolean {
    return this.#dead !== undefined;
  }

  /** End the thread. Pending requests fail. */
  async end(): Promise<void> {
    this.#die("it was closed");
    await this.#thread.terminate();
  }

  /** Check that the thread's event loop turns while a request is pending. */
  #watchOver(): void {
    if (this.#watch !== undefined || !this.#begun) return;
    let pinged = false;
    let due = 0;
    const look = (): void => {
      this.#watch = undefined;
      if (this.#waiting.size === 0) return;
      // After a pause of this thread (a busy machine, a sleeping laptop) an answer may still be
      // unread.
      const isOnTime = performance.now() < due + this.#callTime / 2;
      if (pinged && !this.#answered && isOnTime) {
        return this.#die(
          `it computed for more than ${this.#callTime} ms without answering`,
          "E_TIMEOUT",
        );
      }
      pinged = true;
      this.#answered = false;
      due = performance.now() + this.#callTime;
      this.#nonce = randomNonce();
      this.#post({ kind: "ping", nonce: this.#nonce });
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

  #receive(sent: unknown): void {
    if (this.#dead !== undefined) return;
    const message = readThreadMessage(sent);
    if (message === undefined || !this.#take(message)) {
      this.#die("it sent a message that is not part of its protocol");
    }
  }

  /** @returns false for a message that the thread's own code would not send now */
  #take(message: ThreadMessage): boolean {
    switch (message.kind) {
      case "ready":
        return this.#begin();
      case "pong":
        this.#answered ||= message.nonce === this.#nonce;
        return true;
      case "crash":
        this.#die(message.error.message);
        return true;
      case "result":
        return this.#settle(message);
      case "tell":
        this.#tell(message.name, message.args);
        return true;
      case "ask":
        void this.#answer(message.id, message.name, message.args);
        return true;
    }
  }

  #begin(): boolean {
    if (this.#begun) return false;
    this.#begun = true;
    clearTimeout(this.#watch);
    this.#watch = undefined;
    this.#watchOver();
    return true;
  }

  #settle({ id, ...result }: ThreadResult & { id: number }): boolean {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || result.logs !== undefined && !this.#addsLogs) return false;
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) {
      clearTimeout(this.#watch);
      this.#watch = undefined;
    }
    const { error, failed } = result;
    if (error !== undefined && failed === undefined) waiting.reject(toError(error));
    else waiting.resolve(result);
    return true;
  }

  #tell(name: ToldName, args: unknown[]): void {
    try {
      this.#call(name, args);
    } catch (error) {
      if (this.#hasWarned) return;
      this.#hasWarned = true;
      console.warn(`keepfit: ${name} of plugin ${this.#id}: ${printable(messageOf(error))}`);
    }
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
    if (typeof found !== "function") throw new TypeError(`the context has no ${name}`);
    return (found as (...args: unknown[]) => unknown)(...args);
  }
}

/** An error whose class only the thread knows. */
function randomNonce(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] + 1;
}

/** Convert an error of the other side to one of this side. */
export function toError({ name, message, stack }: PlainError): Error {
  const error = new Error(message);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}
