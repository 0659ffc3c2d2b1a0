import { messageOf } from "../core/errors.ts";
import type { Terminal } from "./types.ts";

/** Standard output and input of an adapter. */
export interface Output {
  /**
   * Wait for typed bytes.
   * @returns the number of bytes; 0 or null at the end
   */
  readSync?(bytes: Uint8Array): number | null;
  /** Whether standard input is a terminal. */
  isTyped?(): boolean;
  /**
   * Write some of `bytes` synchronously.
   * @returns the number of bytes written
   */
  writeSync(bytes: Uint8Array): number;
  isTerminal(): boolean;
  columns(): number | undefined;
  env(name: string): string | undefined;
}

const encoder = new TextEncoder();

/**
 * The terminal on standard output. Writes are synchronous, so that no text is lost when the process
 * exits. If the reader is closed, the text is dropped and the run continues.
 */
export function createTerminal(output: Output): Terminal {
  return {
    write(text) {
      const bytes = encoder.encode(text);
      for (let at = 0; at < bytes.length;) {
        try {
          at += output.writeSync(bytes.subarray(at));
        } catch (error) {
          const { code, name } = error as { code?: string; name?: string };
          if (code === "EPIPE" || name === "BrokenPipe") return;
          if (code !== "EAGAIN" && name !== "WouldBlock") {
            const reason = messageOf(error);
            throw new Error(`Cannot write to standard output: ${reason}`, { cause: error });
          }
          // The pipe is full and non-blocking: wait a millisecond for its reader.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
        }
      }
    },
    ask(question) {
      if (!output.isTyped?.()) return undefined;
      this.write(question);
      return readLine((bytes) => output.readSync?.(bytes) ?? 0);
    },
    get isInteractive() {
      return output.isTerminal() && output.env("TERM") !== "dumb";
    },
    get hasColors() {
      const forced = output.env("FORCE_COLOR");
      if (forced !== undefined && forced !== "") return forced !== "0" && forced !== "false";
      return this.isInteractive && !output.env("NO_COLOR");
    },
    get columns() {
      return output.columns();
    },
  };
}

/** Read a line without its end, byte by byte: later input belongs to the next reader. */
function readLine(read: (bytes: Uint8Array) => number): string {
  const line: number[] = [];
  const byte = new Uint8Array(1);
  while (read(byte) > 0 && byte[0] !== 10) line.push(byte[0]);
  return new TextDecoder().decode(new Uint8Array(line)).replace(/\r$/, "");
}
