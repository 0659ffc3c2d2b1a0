/** The answer to a call, which the host fetches. */
import { codes } from "../protocol.ts";
import { bytesOf, describe, encode, newWritten } from "./codec.ts";

let answerText = "";
let answerBytes: ArrayBuffer | undefined;

/** Answer with a value. */
export function answer(value: unknown): number {
  const state = newWritten();
  answerText = encode(state, value);
  answerBytes = bytesOf(state);
  return codes.done;
}

/** Answer with an error. */
export function failure(error: unknown): number {
  answerText = describe(error);
  return codes.failed;
}

/** Answer without a value. */
export const nothing = (): number => codes.done;

/** Answer with this text. */
export function answerBy(text: string): void {
  answerText = text;
}

export function takeText(): string {
  const text = answerText;
  answerText = "";
  return text;
}

export function takeBytes(): ArrayBuffer | undefined {
  const bytes = answerBytes;
  answerBytes = undefined;
  return bytes;
}
