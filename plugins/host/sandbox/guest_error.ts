import type { CrossingError } from "./value_codec.ts";

/** Name of the guest's code in stacks. */
export const guestName = "keepfit:sandbox";

/**
 * The error of the host's side for one that was thrown in a sandbox: its name, message and code, and
 * a stack that shows the plugin's own files.
 *
 * @param text what the sandbox tells of it
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

/** Failures are kept as long as a run. */
function cut(text: unknown): string {
  return String(text).slice(0, maxLength);
}

const maxLength = 10_000;

/**
 * True for what QuickJS throws when there is no memory left.
 *
 * @param isFull true when there may be none for an error either: it throws null then
 */
export function isOutOfMemory({ name, message }: Error, isFull: boolean): boolean {
  return name === "InternalError" && message === "out of memory" || isFull && message === "null";
}
