import type { CrossingError } from "./value_codec.ts";

/** Name of the guest's code in stack traces. */
export const guestName = "keepfit:sandbox";

/**
 * Convert an error that was thrown in a sandbox to an error of the host. It keeps name, message and
 * code; its stack shows the plugin's own files.
 *
 * @param text the error as the sandbox sent it
 */
export function guestError(text: string): Error {
  const { name, message, code, stack } = JSON.parse(text) as Partial<CrossingError>;
  const error: Error & { code?: string } = new Error(cut(message));
  error.name = cut(name);
  if (typeof code === "string") error.code = cut(code);
  const frames = cut(stack ?? "").split("\n")
    .filter((line) => /\(.+:\d+/.test(line) && !line.includes(guestName));
  error.stack = [`${error.name}: ${error.message}`, ...frames].join("\n");
  return error;
}

/** Truncate a text, because failures are kept for the whole run. */
function cut(text: unknown): string {
  return String(text).slice(0, maxLength);
}

const maxLength = 10_000;

/**
 * Whether an error is that of QuickJS running out of memory.
 *
 * @param isFull whether there may not even be memory for an error; QuickJS then throws null
 */
export function isOutOfMemory({ name, message }: Error, isFull: boolean): boolean {
  return name === "InternalError" && message === "out of memory" || isFull && message === "null";
}
