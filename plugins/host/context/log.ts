import { printable } from "../../../core/printable.ts";
import type { ContextParts, PluginContext } from "./mod.ts";

const window = 60_000;
const maxLength = 1000;

/**
 * Print lines of a plugin for the user: prefixed with its id, limited per minute, and without
 * characters that move the cursor or hide text.
 *
 * @param clock returns milliseconds
 */
export function logAccess(
  { manifest: { id }, limits, log, run }: Pick<ContextParts, "limits" | "log" | "manifest" | "run">,
  clock: () => number = () => performance.now(),
): Pick<PluginContext, "log"> {
  let began = -Infinity;
  let shown = 0;
  let dropped = 0;
  const tellDropped = (): void => {
    if (dropped === 0) return;
    log(
      `${id}: … ${dropped} more ${dropped === 1 ? "line" : "lines"} of ${id} ${
        dropped === 1 ? "was" : "were"
      } dropped`,
    );
    dropped = 0;
  };
  run.closers.push(tellDropped);
  return {
    log(message) {
      // A plugin may pass any value here.
      const text = String(message);
      const now = clock();
      if (now - began >= window) {
        tellDropped();
        began = now;
        shown = 0;
      }
      const lines: string[] = [];
      let at = 0;
      for (; at <= text.length && shown < limits.logLines; shown++) {
        const end = endOfLine(text, at);
        lines.push(harmless(text.slice(at, Math.min(end, at + maxLength + 1))));
        at = end + 1;
      }
      for (; at <= text.length; dropped++) at = endOfLine(text, at) + 1;
      if (lines.length > 0) log(`${id}: ${lines.join("\n  ")}`);
    },
  };
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

function harmless(line: string): string {
  const shown = printable(line.replace(/\r$/, ""));
  return shown.length > maxLength ? `${shown.slice(0, maxLength - 1)}…` : shown;
}
