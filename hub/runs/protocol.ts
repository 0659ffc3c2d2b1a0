/** A value of an epoch's logs. JSON has no NaN: what is not finite is kept under its name. */
export type RunValue = number | string | boolean | null;

/** What was posted about one epoch. */
export interface RunEpoch {
  /** 0-based. */
  epoch: number;
  [name: string]: RunValue;
}

/** A training that was heard of. */
export interface Run {
  id: string;
  /** When its first epoch came, ISO 8601. */
  started: string;
  /** When its last epoch came, ISO 8601. */
  updated: string;
  /** In the order in which they came; the oldest are dropped when there are too many. */
  epochs: RunEpoch[];
}

/** A run in the list of all. */
export interface RunSummary extends Omit<Run, "epochs"> {
  /** The latest epoch's logs. */
  last: RunEpoch;
}

const maxKeys = 256;
const maxText = 1024;

/**
 * The epochs that trainings report, in memory and bounded.
 *
 * A report may name its run. Reports without a name belong to the newest nameless run. An epoch that
 * is not greater than the one before it begins a run anew: a named one in place of the old one, a
 * nameless one as `run-2`, `run-3` and so on.
 */
export class Runs {
  #runs = new Map<string, Run>();
  #maxRuns: number;
  #maxEpochs: number;
  #nameless = 0;

  /**
   * @param maxRuns how many runs are kept; the one that was silent longest goes first
   * @param maxEpochs how many epochs of each
   */
  constructor(maxRuns: number, maxEpochs: number) {
    this.#maxRuns = maxRuns;
    this.#maxEpochs = maxEpochs;
  }

  /** Take what was posted about an epoch. @returns the run it belongs to */
  add(epoch: RunEpoch, name?: string): Run {
    const now = new Date().toISOString();
    let id = name ?? `run-${this.#nameless}`;
    let run = this.#runs.get(id);
    const last = run?.epochs.at(-1);
    if (run === undefined || (last !== undefined && epoch.epoch <= last.epoch)) {
      if (name === undefined) id = `run-${++this.#nameless}`;
      run = { id, started: now, updated: now, epochs: [] };
    }
    run.updated = now;
    run.epochs.push(epoch);
    if (run.epochs.length > this.#maxEpochs) run.epochs.shift();
    // Deleted first, so that the map is in the order of the last report.
    this.#runs.delete(id);
    this.#runs.set(id, run);
    if (this.#runs.size > this.#maxRuns) {
      this.#runs.delete(this.#runs.keys().next().value as string);
    }
    return run;
  }

  /** A run with all its epochs; undefined when it is not known. */
  get(id: string): Run | undefined {
    return this.#runs.get(id);
  }

  /** All runs, the one heard of last first. */
  list(): RunSummary[] {
    return [...this.#runs.values()].reverse().map(({ id, started, updated, epochs }) => ({
      id,
      started,
      updated,
      last: epochs.at(-1) as RunEpoch,
    }));
  }
}

/**
 * Read what RemoteMonitor posts: JSON in which NaN and Infinity may stand bare, as Python writes
 * them.
 *
 * @throws SyntaxError when it is not that
 * @throws TypeError when it is no flat object of logs with an `epoch`
 */
export function parseEpoch(text: string): RunEpoch {
  // Text in quotes is matched first, so that a NaN inside it stays as it is.
  const json = text.replace(
    /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g,
    (found) => found.startsWith('"') ? found : `"${found}"`,
  );
  const data = JSON.parse(json) as unknown;
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    throw new TypeError("Cannot take this epoch: wanted is an object of logs");
  }
  const entries = Object.entries(data);
  const { epoch } = data as { epoch?: unknown };
  if (!Number.isSafeInteger(epoch) || (epoch as number) < 0) {
    throw new TypeError(
      `Cannot take this epoch: epoch is ${epoch}, it must be a whole number >= 0`,
    );
  }
  if (entries.length > maxKeys) {
    throw new TypeError(
      `Cannot take this epoch: it has ${entries.length} keys of at most ${maxKeys}`,
    );
  }
  for (const [name, value] of entries) {
    if (typeof value === "object" && value !== null) {
      throw new TypeError(`Cannot take this epoch: ${name} is no single value`);
    }
    if (name.length > maxText || String(value).length > maxText) {
      throw new TypeError(
        `Cannot take this epoch: more than ${maxText} characters in ${name.slice(0, 40)}`,
      );
    }
  }
  return data as RunEpoch;
}
