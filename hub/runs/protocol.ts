import { HTTPException } from "hono/http-exception";

/** A value in the logs of an epoch. JSON has no NaN or Infinity: they are kept as text. */
export type RunValue = number | string | boolean | null;

/** The logs of an epoch. */
export interface RunEpoch {
  /** 0-based number of the epoch. */
  epoch: number;
  /** Value of each log. */
  [name: string]: RunValue;
}

/** A training run that reported to a hub. */
export interface Run {
  /** Name that the report gave, or `run-1`, `run-2` and so on. */
  id: string;
  /** Time of the first report, ISO 8601. */
  started: string;
  /** Time of the latest report, ISO 8601. */
  updated: string;
  /** Epochs in the order of their reports. */
  epochs: RunEpoch[];
}

/** A run in the list of runs. */
export interface RunSummary extends Omit<Run, "epochs"> {
  /** Logs of the latest epoch. */
  last: RunEpoch;
}

const maxKeys = 256;
const maxText = 1024;

/**
 * Parse an epoch as `RemoteMonitor` posts it: JSON in which NaN and Infinity may be unquoted, as
 * Python writes them.
 *
 * @throws HTTPException 400 for anything but a flat object of logs with an `epoch`
 */
export function parseEpoch(text: string): RunEpoch {
  // Strings are matched first, so that NaN in a string stays unchanged. An unterminated string is
  // matched to the end of the text, so that nothing is scanned twice.
  const json = text.replace(
    /"(?:[^"\\]|\\[^]?)*(?:"|$)|-?\bInfinity\b|\bNaN\b/g,
    (found) => found.startsWith('"') ? found : `"${found}"`,
  );
  let data: unknown;
  try {
    data = JSON.parse(json);
  } catch (error) {
    throw refused((error as Error).message);
  }
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    throw refused("expected an object of logs");
  }
  // Checked without valibot, which drops keys such as "constructor".
  const entries = Object.entries(data);
  const { epoch } = data as { epoch?: unknown };
  if (!Number.isSafeInteger(epoch) || (epoch as number) < 0) {
    throw refused(`expected epoch to be a whole number >= 0, got ${epoch}`);
  }
  if (entries.length > maxKeys) {
    throw refused(`expected at most ${maxKeys} keys, got ${entries.length}`);
  }
  for (const [name, value] of entries) {
    // Numbers such as 1e400 are read as Infinity.
    if (typeof value === "number" && !Number.isFinite(value)) {
      (data as Record<string, RunValue>)[name] = String(value);
    }
    if (typeof value === "object" && value !== null) {
      throw refused(`expected a single value, got an object in ${name.slice(0, 40)}`);
    }
    if (name.length > maxText || String(value).length > maxText) {
      throw refused(`expected at most ${maxText} characters, got more in ${name.slice(0, 40)}`);
    }
  }
  return data as RunEpoch;
}

function refused(reason: string): HTTPException {
  return new HTTPException(400, { message: `Cannot add this epoch: ${reason}` });
}
