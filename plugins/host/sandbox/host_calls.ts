import type { QuickJSHandle } from "quickjs-emscripten-core";
import { isPromise } from "../../../core/promise.ts";
import type { Interpreter } from "./interpreter.ts";
import { type Callable, decode, describe, encode } from "./value_codec.ts";

const mostPending = 256;

/** The functions of the host that a sandbox may call, by number. */
export class HostCalls {
  /** For the guest: `(index, text, bytes?) => reply`, whose first letter tells its kind. */
  readonly callHost: QuickJSHandle;
  /** For the guest: the bytes of the last reply. */
  readonly hostBytes: QuickJSHandle;
  readonly #settle: (id: number, ok: boolean, value: unknown) => void;
  readonly #functions: Callable[] = [];
  #pending = 0;
  #last = 0;
  #bytes: Uint8Array | undefined;
  #isClosed = false;

  /** @param settle is told when a promise of the host, which the sandbox has by number, is settled */
  constructor(
    interpreter: Interpreter,
    settle: (id: number, ok: boolean, value: unknown) => void,
  ) {
    this.#settle = settle;
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

  /** Promises of the host that the sandbox waits for. */
  get pending(): number {
    return this.#pending;
  }

  /** Let the sandbox call a function. @returns its number */
  add(call: Callable): number {
    return this.#functions.push(call) - 1;
  }

  /** What is still to come is of no interest. */
  close(): void {
    this.#isClosed = true;
  }

  #reply(index: number, text: string, bytes: Uint8Array | undefined): string {
    try {
      if (this.#pending >= mostPending) {
        throw new RangeError(`Cannot call the host: ${mostPending} calls are pending already`);
      }
      const result = this.#functions[index](...decode({ text, bytes }) as unknown[]);
      if (isPromise(result)) return `p${this.#follow(result)}`;
      const crossing = encode(result);
      this.#bytes = crossing.bytes;
      return `${crossing.bytes === undefined ? "v" : "V"}${crossing.text}`;
    } catch (error) {
      return `e${JSON.stringify(describe(error))}`;
    }
  }

  #follow(promise: PromiseLike<unknown>): number {
    const id = ++this.#last;
    const settled = (ok: boolean) => (value: unknown) => {
      this.#pending--;
      if (!this.#isClosed) this.#settle(id, ok, value);
    };
    this.#pending++;
    promise.then(settled(true), settled(false));
    return id;
  }
}
