import type { OptionRule } from "./options.ts";

/** Options of {@linkcode SaveSchedule}. */
export interface SaveTimes {
  /**
   * Frequency of saves: `"epoch"`, or a number of batches, counted across epochs. Default:
   * `"epoch"`.
   */
  saveFreq?: "epoch" | number;
  /** Time between saves, which happen after the next batch; replaces `saveFreq`. Default: none. */
  saveEvery?: { seconds: number } | { minutes: number };
}

/** Counts of a {@linkcode SaveSchedule}. */
export interface ScheduleState {
  lastBatch: number;
  batchesSinceSave: number;
  /** Milliseconds since the last save; undefined if epochs or batches are counted. */
  elapsed?: number;
}

/** Decides after which batches or epochs to save. */
export class SaveSchedule {
  /** `"epoch"`, a number of batches, or false for neither. */
  readonly saveFreq: "epoch" | number | false;
  /** Milliseconds between saves; undefined if epochs or batches are counted. */
  readonly #interval: number | undefined;
  #savedAt = 0;
  #isTimeUp = false;
  #lastBatch = -1;
  #batchesSinceSave = 0;
  /** Whether the clock continues from a state. */
  #isResumed = false;

  /**
   * @param owner name of the callback, for messages
   * @param times frequency of saves
   * @throws RangeError for both `saveFreq` and `saveEvery`
   */
  constructor(
    owner: string,
    { saveFreq, saveEvery }: {
      saveFreq?: "epoch" | number | false;
      saveEvery?: SaveTimes["saveEvery"];
    },
  ) {
    if (saveEvery !== undefined && saveFreq !== undefined) {
      throw new RangeError(
        `Cannot create ${owner} with saveEvery and saveFreq ${saveFreq}: set only one of them`,
      );
    }
    this.saveFreq = saveFreq ?? "epoch";
    this.#interval = saveEvery && millisecondsOf(saveEvery);
  }

  /** Whether it saves after batches rather than epochs. */
  get isByBatch(): boolean {
    return this.isByTime || typeof this.saveFreq === "number";
  }

  /** Whether it saves after a period of time. */
  get isByTime(): boolean {
    return this.#interval !== undefined;
  }

  /** Start the clock, unless it continues from a state. */
  begin(): void {
    this.#isTimeUp = false;
    if (!this.#isResumed) this.saved();
    this.#isResumed = false;
  }

  /** Restart the clock after a save. */
  saved(): void {
    this.#savedAt = performance.now();
  }

  /** Read the clock once per batch, so that reading its logs and saving agree. */
  readClock(): void {
    this.#isTimeUp = performance.now() - this.#savedAt >= Number(this.#interval);
  }

  /** Whether a save will be due when this batch has ended. */
  isDueAfter(batch: number): boolean {
    if (this.isByTime) return this.#isTimeUp;
    return typeof this.saveFreq === "number" && this.#count(batch) >= this.saveFreq;
  }

  /**
   * Count a completed batch. Returns whether a save is due.
   *
   * @param canSave whether it can be saved; if false, the save stays due. Default: true
   */
  endBatch(batch: number, canSave = true): boolean {
    const isDue = canSave && this.isDueAfter(batch);
    if (this.isByTime) this.#isTimeUp = false;
    else {
      this.#batchesSinceSave = isDue ? 0 : this.#count(batch);
      this.#lastBatch = batch;
    }
    return isDue;
  }

  /** The counts. */
  getState(): ScheduleState {
    return {
      lastBatch: this.#lastBatch,
      batchesSinceSave: this.#batchesSinceSave,
      ...(this.isByTime && { elapsed: performance.now() - this.#savedAt }),
    };
  }

  /** Continue from a state of {@linkcode getState}. */
  setState({ lastBatch, batchesSinceSave, elapsed }: ScheduleState): void {
    this.#lastBatch = lastBatch;
    this.#batchesSinceSave = batchesSinceSave;
    this.#isResumed = elapsed !== undefined;
    this.#savedAt = performance.now() - (elapsed ?? 0);
  }

  /**
   * Batches since the last save, including this one; an index that is not higher begins an epoch.
   */
  #count(batch: number): number {
    const isNewEpoch = batch <= this.#lastBatch;
    return this.#batchesSinceSave + (isNewEpoch ? batch + 1 : batch - this.#lastBatch);
  }
}

/** `{ seconds }` or `{ minutes }`. */
export const duration: OptionRule = {
  types: ["object"],
  expected: "{ seconds } or { minutes } above 0",
  isValid: (value: object) => {
    const entries = Object.entries(value);
    return entries.length === 1 && ["seconds", "minutes"].includes(entries[0][0]) &&
      entries[0][1] > 0;
  },
};

function millisecondsOf(duration: { seconds: number } | { minutes: number }): number {
  return 1000 * ("minutes" in duration ? 60 * duration.minutes : duration.seconds);
}
