import { printable } from "./printable.ts";

/** Error codes of keepfit's core, sorted. */
export type CallbackErrorCode =
  | "CALLBACK_CLOSE"
  | "CALLBACK_DUPLICATE"
  | "CALLBACK_HOOK"
  | "CALLBACK_INVALID"
  | "CALLBACK_ORDER"
  | "CALLBACK_STATE";

/** Where in a run a callback failed. */
export interface CallbackErrorContext {
  /** Name of the callback, usually its class. */
  callback?: string;
  /** Name of the hook, for example `onEpochEnd`. */
  hook?: string;
  /** 0-based epoch, if there was one. */
  epoch?: number;
  /** 0-based batch, if there was one. */
  batch?: number;
  /** The error that the callback threw. */
  cause?: unknown;
}

/**
 * A callback failed, or a value is not a callback. The message names the callback and the hook;
 * `cause` is the original error, whose stack shows where it was thrown.
 *
 * @example
 * ```ts
 * import { CallbackError, CallbackList } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const list = new CallbackList([{ name: "mine", onEpochEnd() { throw new Error("no disk"); } }]);
 * await list.onTrainBegin();
 * try {
 *   await list.onEpochEnd(3, { loss: 1 });
 *   assert.fail("unreachable");
 * } catch (error) {
 *   assert(error instanceof CallbackError);
 *   assert.equal(error.code, "CALLBACK_HOOK");
 *   assert.equal(error.message, "Callback mine failed in onEpochEnd (epoch 3): no disk");
 * }
 * ```
 */
export class CallbackError extends Error {
  /** Name of the class, in every build. */
  override name = "CallbackError";
  /** Error code. */
  readonly code: CallbackErrorCode;
  // Declared, not defined: an empty field would be printed as undefined.
  /** Name of the callback; undefined if the list itself is invalid. */
  declare readonly callback: string | undefined;
  /** Name of the running hook; undefined if there is none. */
  declare readonly hook: string | undefined;
  /** 0-based epoch; undefined if there is none. */
  declare readonly epoch: number | undefined;
  /** 0-based batch; undefined if there is none. */
  declare readonly batch: number | undefined;

  /**
   * Create an error. `fit` and the lists throw these, and custom loops may as well.
   *
   * @param code error code
   * @param message a sentence for people
   * @param context where it happened, and its cause
   */
  constructor(code: CallbackErrorCode, message: string, context: CallbackErrorContext = {}) {
    const { cause, ...details } = context;
    super(message, causeOf(cause));
    this.code = code;
    setDetails(this, details);
  }
}

/** The second argument of `Error`; undefined without a cause, because an empty one is printed. */
export function causeOf(cause: unknown): ErrorOptions | undefined {
  return cause === undefined ? undefined : { cause };
}

/**
 * Complete an error: set only known details, and remove its stack if its cause has one. Runtimes
 * print both, and the stack of the cause is the relevant one.
 */
export function setDetails(error: Error, details: object): void {
  for (const [name, value] of Object.entries(details)) {
    if (value !== undefined) Object.assign(error, { [name]: value });
  }
  if (hasFrames(error.cause)) error.stack = `${error.name}: ${error.message}`;
}

/** Safe for a value that throws when it is inspected. */
function hasFrames(cause: unknown): boolean {
  try {
    return cause instanceof Error && /\n +at /.test(cause.stack ?? "");
  } catch {
    return false;
  }
}

const maxMessage = 10_000;

/** The printable text of an unknown thrown value. Never throws. */
export function messageOf(error: unknown): string {
  try {
    const text = String(error instanceof Error ? error.message : error);
    return printable(text.length > maxMessage ? `${text.slice(0, maxMessage)}…` : text);
  } catch {
    return "an error that cannot be shown";
  }
}
