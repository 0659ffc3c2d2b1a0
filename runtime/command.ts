import type { CommandOptions } from "./types.ts";

/** The first bytes of an output, up to a limit. */
export class CappedOutput {
  #parts: Uint8Array[] = [];
  #room: number;

  /**
   * @param maxBytes number of bytes to keep
   */
  constructor(maxBytes: number) {
    this.#room = maxBytes;
  }

  add(bytes: Uint8Array): void {
    const kept = bytes.subarray(0, this.#room);
    if (kept.length > 0) this.#parts.push(kept);
    this.#room -= kept.length;
  }

  /** Decode as UTF-8, without a character that was cut in two. */
  text(): string {
    const decoder = new TextDecoder();
    const text = this.#parts.map((part) => decoder.decode(part, { stream: true })).join("");
    return this.#room > 0 ? text + decoder.decode() : text;
  }
}

/**
 * Wait for a command. Kill it when its time limit is reached or its signal aborts.
 *
 * @param ended resolves when the command has ended
 * @param kill ends the command and stops waiting for its output
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
    // A longer timer would fire immediately.
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
    // A killed command may still reject.
    ended.catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
  }
}

/** An error that says why a command could not be started, and what to do about it. */
export function toCommandError(cause: unknown, command: string): Error {
  const { code, name, message } = cause as { code?: string; name?: string; message?: string };
  let reason = message ?? String(cause);
  if (name === "NotCapable") {
    reason = `permission denied (run Deno again with --allow-run=${command})`;
  } else if (code === "ENOENT" || name === "NotFound") {
    reason = "program not found (install it, or add its folder to PATH)";
  } else if (code === "EACCES" || name === "PermissionDenied") {
    reason = "permission denied (make the file executable for this user)";
  }
  return new Error(`Cannot run ${command}: ${reason}`, { cause });
}
