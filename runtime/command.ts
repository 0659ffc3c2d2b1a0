import type { CommandOptions } from "./types.ts";

/** The beginning of an output, and no more of it than is wanted. */
export class CappedOutput {
  #parts: Uint8Array[] = [];
  #room: number;

  /** @param maxBytes how much is kept */
  constructor(maxBytes: number) {
    this.#room = maxBytes;
  }

  add(bytes: Uint8Array): void {
    const kept = bytes.subarray(0, this.#room);
    if (kept.length > 0) this.#parts.push(kept);
    this.#room -= kept.length;
  }

  /** Read as UTF-8; a character that was cut in two is left out. */
  text(): string {
    const decoder = new TextDecoder();
    const text = this.#parts.map((part) => decoder.decode(part, { stream: true })).join("");
    return this.#room > 0 ? text + decoder.decode() : text;
  }
}

/**
 * Wait for a command, and kill it when its time is over or its signal aborts.
 *
 * @param ended resolves when it has ended by itself
 * @param kill ends it and what waits for its output
 */
export async function orKill<T>(
  command: string,
  ended: Promise<T>,
  { timeout, signal }: CommandOptions,
  kill: () => void,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let onAbort: (() => void) | undefined;
  const stopped = new Promise<never>((_, reject) => {
    // A timer counts no further than this, and is over at once for more.
    if (timeout < 2 ** 31) {
      timer = setTimeout(() => {
        const message = `Cannot run ${command}: it took longer than ${timeout} ms and was killed`;
        reject(new DOMException(message, "TimeoutError"));
      }, timeout);
    }
    onAbort = () => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort);
  });
  try {
    signal?.throwIfAborted();
    return await Promise.race([ended, stopped]);
  } catch (error) {
    kill();
    // Killed, it may still fail in its own way.
    ended.catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
  }
}

/** Why a command could not be started, and what to do about it. */
export function toCommandError(cause: unknown, command: string): Error {
  const { code, name, message } = cause as { code?: string; name?: string; message?: string };
  let reason = message ?? String(cause);
  if (name === "NotCapable") {
    reason = `permission denied (run Deno again with --allow-run=${command})`;
  } else if (code === "ENOENT" || name === "NotFound") {
    reason = "there is no such program (is it installed, and in a folder of PATH?)";
  } else if (code === "EACCES" || name === "PermissionDenied") {
    reason = "permission denied (is it a program that this user may run?)";
  }
  return new Error(`Cannot run ${command}: ${reason}`, { cause });
}
