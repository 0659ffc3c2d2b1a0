import type { QuickJSHandle } from "quickjs-emscripten-core";
import { isPromise } from "../../../core/promise.ts";
import { PluginError } from "../../errors.ts";
import type { Interpreter } from "./interpreter.ts";
import { type Callable, type Crossing, decode, describe, encode } from "./value_codec.ts";

const maxPending = 256;

/** The functions of the host that a sandbox may call, by number. */
export class HostCalls {
  /** For the guest: `(index, text, bytes?) => reply`; the first letter of the reply is its kind. */
  readonly callHost: QuickJSHandle;
  /** For the guest: the bytes of the last reply. */
  readonly hostBytes: QuickJSHandle;
  readonly #interpreter: Interpreter;
  readonly #id: string;
  readonly #maxBytes: number;
  readonly #deliver: (settled: readonly Crossing[]) => void;
  readonly #functions: Callable[] = [];
  /** Settled promises of the host that the sandbox has not received. */
  #settled: Crossing[] = [];
  #pending = 0;
  #held = 0;
  #last = 0;
  #bytes: Uint8Array | undefined;
  #isClosed = false;

  /**
   * @param id name of the plugin in messages
   * @param maxBytes maximum number of bytes that the host stores for pending calls: their
   *   arguments, and their results until the sandbox has received them
   * @param deliver receives settled promises of the host, which the sandbox knows by number
   */
  constructor(
    interpreter: Interpreter,
    id: string,
    maxBytes: number,
    deliver: (settled: readonly Crossing[]) => void,
  ) {
    this.#interpreter = interpreter;
    this.#id = id;
    this.#maxBytes = maxBytes;
    this.#deliver = deliver;
    this.callHost = interpreter.newFunction((index, text, bytes) =>
      interpreter.values.newText(
        this.#reply(
          interpreter.values.numberOf(index),
          interpreter.values.textOf(text),
          interpreter.values.bytesOf(bytes),
        ),
      )
    );
    this.hostBytes = interpreter.newFunction(() => {
      const bytes = this.#bytes;
      this.#bytes = undefined;
      return bytes && interpreter.values.newBytes(bytes);
    });
  }

  /**
   * Promises of the host that the sandbox waits for, including settled ones that it has not
   * received.
   */
  get pending(): number {
    return this.#pending;
  }

  /** Register a function that the sandbox may call. @returns its number */
  add(call: Callable): number {
    return this.#functions.push(call) - 1;
  }

  /** Ignore later results. */
  close(): void {
    this.#isClosed = true;
    this.#settled = [];
  }

  #reply(index: number, text: string, bytes: Uint8Array | undefined): string {
    try {
      if (this.#pending >= maxPending) {
        throw new RangeError(`Cannot call the host: ${maxPending} calls are pending`);
      }
      const size = sizeOf({ text, bytes });
      if (!this.#hasRoom(size)) throw this.#tooMuch();
      const args = decode({ text, bytes }) as unknown[];
      const result = this.#interpreter.doForGuest(() => this.#functions[index](...args));
      if (isPromise(result)) return `p${this.#follow(result, size)}`;
      const crossing = encode(result);
      this.#bytes = crossing.bytes;
      return `${crossing.bytes === undefined ? "v" : "V"}${crossing.text}`;
    } catch (error) {
      return `e${JSON.stringify(describe(error))}`;
    }
  }

  #follow(promise: PromiseLike<unknown>, size: number): number {
    const id = ++this.#last;
    this.#pending++;
    this.#held += size;
    promise.then(
      (value) => this.#settle({ id, value }, size),
      (error) => this.#settle({ id, error: toError(error) }, size),
    );
    return id;
  }

  #settle(outcome: { id: number; value?: unknown; error?: Error }, size: number): void {
    this.#held -= size;
    if (this.#isClosed) return;
    let crossing: Crossing;
    try {
      crossing = encode(outcome);
      if (!this.#hasRoom(sizeOf(crossing))) throw this.#tooMuch();
    } catch (error) {
      crossing = encode({ id: outcome.id, error: toError(error) });
    }
    this.#held += sizeOf(crossing);
    // In a separate turn of the event loop. With promises only, a plugin that keeps calling would
    // starve timers, signals and the training.
    if (this.#settled.push(crossing) === 1) nextTurn(() => this.#deliverAll());
  }

  #deliverAll(): void {
    const settled = this.#settled;
    this.#settled = [];
    this.#pending -= settled.length;
    for (const one of settled) this.#held -= sizeOf(one);
    if (settled.length > 0) this.#deliver(settled);
  }

  /**
   * Whether there is room for a call. A single call may exceed the limit, because it has its own.
   */
  #hasRoom(size: number): boolean {
    return this.#held === 0 || this.#held + size <= this.#maxBytes;
  }

  #tooMuch(): PluginError {
    return new PluginError(
      "E_LIMIT",
      `Cannot call the host for plugin ${this.#id}: too many calls are pending`,
      {
        expected: `at most ${this.#maxBytes} bytes in pending calls`,
        hint: "await the promises that the context's functions return; { limits: { memory } } " +
          "raises the limit",
      },
    );
  }
}

const nextTurn: (run: () => void) => void = typeof setImmediate === "function"
  ? (run) => void setImmediate(run)
  : (run) => void setTimeout(run);

/** Size of a value in the host in bytes; a character may take two. */
function sizeOf({ text, bytes }: Crossing): number {
  return 2 * text.length + (bytes?.length ?? 0);
}

function toError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
