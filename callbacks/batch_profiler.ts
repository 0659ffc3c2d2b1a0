import { messageOf } from "../core/errors.ts";
import { ensureDir, joinPath } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import type { SummaryWriter } from "../tensorboard/mod.ts";
import { kernelTable, kernelTotals, traceJson } from "../tensorboard/trace.ts";
import { KernelRecorder } from "../tfjs/profiler.ts";
import type { OptionRule } from "./options.ts";

/** Batches counted from 1: one, or first and last as a pair or as `"first,last"`; 0 for none. */
export type ProfileBatch = number | readonly [first: number, last: number] | string;

/** Destination of a profile. */
export interface ProfileTarget {
  /** Receives the totals. */
  writer: SummaryWriter;
  /** Folder of the run, which will contain the trace. */
  directory: Path;
  fs: FileSystem;
}

/**
 * Measures the kernels of some batches, and writes a trace and the totals. A failure causes a
 * warning and never ends the run.
 */
export class BatchProfiler {
  readonly #first: number;
  readonly #last: number;
  readonly #target: () => ProfileTarget;
  #recorder: KernelRecorder | undefined;
  #batch = 0;
  #lastOfExecution = 0;
  #hasFailed = false;

  /**
   * @param batches the range, which must be valid
   * @param target returns the destination
   */
  constructor(batches: ProfileBatch, target: () => ProfileTarget) {
    [this.#first, this.#last] = rangeOf(batches) as [number, number];
    this.#target = target;
  }

  /**
   * Called before a batch, or before an execution of several, which is measured as one.
   *
   * @param batch its number in the run, from 1
   * @param last number of the last batch of the execution. Default: the same batch
   */
  beginBatch(batch: number, last = batch): void {
    this.#batch = batch;
    this.#lastOfExecution = last;
    if (last < this.#first || batch > this.#last || this.#hasFailed) return;
    try {
      this.#recorder ??= new KernelRecorder();
      this.#recorder.beginBatch(batch);
    } catch (error) {
      this.#hasFailed = true;
      console.warn(`keepfit: TensorBoard cannot profile batch ${batch}: ${messageOf(error)}`);
    }
  }

  /**
   * Called after a batch or an execution. After the last one of the range, returns a promise of the
   * files.
   */
  endBatch(): void | Promise<void> {
    this.#recorder?.endBatch();
    if (this.#lastOfExecution >= this.#last) return this.write();
  }

  /** Write the recording, if there is one, and stop recording. */
  write(): void | Promise<void> {
    const recorder = this.#recorder;
    if (recorder === undefined) return;
    this.stop();
    return this.#write(recorder);
  }

  /** Discard the recording and restore TensorFlow.js; may be called again. */
  stop(): void {
    this.#recorder?.stop();
    this.#recorder = undefined;
    this.#hasFailed = false;
  }

  async #write(recorder: KernelRecorder): Promise<void> {
    const batch = this.#batch;
    try {
      const { writer, directory, fs } = this.#target();
      const recording = await recorder.recording();
      const totals = kernelTotals(recording.kernels);
      writer.text(`batch_${batch}`, kernelTable(totals), batch);
      const millis = totals.reduce((sum, total) => sum + total.millis, 0);
      writer.scalar("profile_kernel_ms", millis, batch);
      writer.scalar("profile_peak_bytes", recording.peakBytes, batch);
      const time = new Date().toISOString().slice(0, 19).replaceAll(/\D/g, "_");
      const folder = joinPath(directory, `plugins/profile/${time}`);
      await ensureDir(folder, { fs });
      await fs.writeFile(joinPath(folder, "keepfit.trace.json"), traceJson(recording));
    } catch (error) {
      console.warn(
        `keepfit: TensorBoard cannot write the profile of batch ${batch}: ${messageOf(error)}`,
      );
    }
  }
}

/** The rule of an option that chooses batches to profile. */
export const profileBatch: OptionRule = {
  types: ["number", "object", "string"],
  expected: `a whole number >= 0, or the first and last batch as [5, 10] or "5,10"`,
  isValid: (value: unknown) => rangeOf(value) !== undefined,
};

/** Whether a range contains a batch. */
export function choosesBatches(batches: ProfileBatch): boolean {
  return (rangeOf(batches)?.[1] ?? 0) > 0;
}

function rangeOf(value: unknown): [first: number, last: number] | undefined {
  const range = typeof value === "number"
    ? [value, value]
    : typeof value === "string"
    ? value.split(",").map((part) => part.trim() === "" ? NaN : Number(part))
    : value;
  if (!Array.isArray(range) || range.length !== 2) return undefined;
  const [first, last] = range;
  const isRange = Number.isSafeInteger(first) && Number.isSafeInteger(last) &&
    first >= 0 && last >= first;
  return isRange ? [first, last] : undefined;
}
