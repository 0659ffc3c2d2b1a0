import type { Run, RunEpoch, RunSummary } from "../runs/protocol.ts";

/** Limits of a {@linkcode RunStore}. */
export interface RunLimits {
  /** Number of runs; the least recently updated one is dropped first. Default: 100. */
  maxRuns?: number;
  /** Number of epochs of each run; the oldest are dropped first. Default: 10 000. */
  maxEpochs?: number;
}

/** The run to which an epoch belongs. */
export interface RunAssignment {
  /** Id of the run. */
  id: string;
  /** Whether the run starts with this epoch, replacing an earlier one of that id. */
  isNew: boolean;
}

/** The runs of a {@linkcode RunStore}, in memory. */
export class RunTable {
  readonly #limits: Required<RunLimits>;
  // In the order of the last report.
  readonly #runs = new Map<string, Run>();
  #unnamed = 0;

  /** @param limits numbers of runs and epochs to keep */
  constructor({ maxRuns = 100, maxEpochs = 10_000 }: RunLimits) {
    this.#limits = { maxRuns, maxEpochs };
  }

  /** Determine the run to which an epoch belongs. This changes nothing. */
  assign({ epoch }: RunEpoch, name: string | undefined): RunAssignment {
    const id = name ?? `run-${this.#unnamed}`;
    const run = this.#runs.get(id);
    const last = run?.epochs.at(-1);
    const isNew = run === undefined || (last !== undefined && epoch <= last.epoch);
    return { id: isNew && name === undefined ? `run-${this.#unnamed + 1}` : id, isNew };
  }

  /**
   * Add an epoch to the run that {@linkcode assign} returned.
   *
   * @param at time of the report, ISO 8601
   * @returns ids of runs that were dropped
   */
  add({ id, isNew }: RunAssignment, epoch: RunEpoch, at: string): string[] {
    const run = isNew ? { id, started: at, updated: at, epochs: [] } : this.#runs.get(id) as Run;
    run.updated = at;
    run.epochs.push(epoch);
    return this.put(run);
  }

  /**
   * Add a whole run, or move it to the end.
   *
   * @returns ids of runs that were dropped
   */
  put(run: Run): string[] {
    const { maxRuns, maxEpochs } = this.#limits;
    run.epochs.splice(0, run.epochs.length - maxEpochs);
    this.#runs.delete(run.id);
    this.#runs.set(run.id, run);
    const number = /^run-(\d{1,9})$/.exec(run.id)?.[1];
    if (number !== undefined) this.#unnamed = Math.max(this.#unnamed, Number(number));
    const dropped = [...this.#runs.keys()].slice(0, Math.max(0, this.#runs.size - maxRuns));
    for (const id of dropped) this.#runs.delete(id);
    return dropped;
  }

  /** A run, not copied; undefined if it is unknown. */
  get(id: string): Run | undefined {
    return this.#runs.get(id);
  }

  /** All runs, the most recently updated first. */
  list(): RunSummary[] {
    return [...this.#runs.values()].reverse().map(({ id, started, updated, epochs }) => ({
      id,
      started,
      updated,
      last: { ...epochs.at(-1) as RunEpoch },
    }));
  }
}
