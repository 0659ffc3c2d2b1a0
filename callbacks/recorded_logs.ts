import type { Callback } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";

/** The used part of a `History`. */
interface RecordedHistory {
  epoch: number[];
  history: Record<string, number[]>;
  at(name: string): number[];
}

/**
 * The logs of the last epochs in the run's `History`, to restore lost lines of a file. There may be
 * fewer than `count`.
 */
export function recordedLogs(callback: Callback, count: number): { epoch: number; logs: Logs }[] {
  const history = historyOf(callback);
  if (history === undefined || count <= 0) return [];
  return history.epoch.slice(-count).map((epoch) => {
    const logs: Logs = {};
    for (const [name, values] of Object.entries(history.history)) {
      const at = history.at(name).indexOf(epoch);
      if (at >= 0) logs[name] = values[at];
    }
    return { epoch, logs };
  });
}

function historyOf(callback: Callback): RecordedHistory | undefined {
  let model: { history?: Partial<RecordedHistory> };
  try {
    model = callback.model as typeof model;
  } catch {
    return undefined;
  }
  // TensorFlow.js stores its own history there.
  const { history } = model;
  return typeof history?.at === "function" ? history as RecordedHistory : undefined;
}
