import type { StateValue } from "../core/callback.ts";
import { messageOf } from "../core/errors.ts";
import type { TrainableModel } from "../core/model.ts";
import { removeCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { saveSafetensors } from "./safetensors.ts";
import { directoryOf, ensureDir, exists, FileSystemError, getRuntime } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";

/** Options of a {@linkcode CheckpointWriter}. */
export interface CheckpointWriterOptions {
  /**
   * Whether to save only the weights, to be read by `loadWeights`: no layers, no optimizer.
   * Default: false.
   */
  saveWeightsOnly?: boolean;
  /** Whether to save the optimizer's state, to continue training. Default: true. */
  includeOptimizer?: boolean;
  /** Number of recent checkpoints to keep; older ones are removed. Default: all. */
  maxToKeep?: number;
  /** Number of best checkpoints to keep, by `monitor`, in addition to `maxToKeep`. Default: all. */
  keepBest?: number;
  /**
   * Whether training continues while files are written; the values are copied first. The next save
   * and the end of training wait for the write and report its failure. Default: false.
   */
  saveOnBackground?: boolean;
  /** File system. Default: that of the runtime. */
  fs?: FileSystem;
}

/** An existing checkpoint. */
export interface KeptCheckpoint {
  path: string;
  /** Monitored value; undefined if it was missing. */
  value?: number;
}

/** A checkpoint being written. */
export interface UnfinishedCheckpoint extends KeptCheckpoint {
  /** Metadata saved with the model. */
  metadata: Record<string, StateValue>;
}

/** State of a writer. */
export interface WriterState {
  /** Checkpoints that may be removed, oldest first. */
  kept?: KeptCheckpoint[];
  /** The last saved checkpoint. */
  saved?: KeptCheckpoint;
  /** The checkpoint being written. */
  unfinished?: UnfinishedCheckpoint;
}

/**
 * Writes the checkpoints of a run one after another, and removes those beyond the limits. Other
 * files are kept.
 */
export class CheckpointWriter {
  readonly #options: CheckpointWriterOptions;
  readonly #isBetter: (value: number, reference: number) => boolean;
  // Checkpoints that may be removed, oldest first.
  #kept: KeptCheckpoint[] = [];
  #saved: KeptCheckpoint | undefined;
  #pending: Promise<void> | undefined;
  #unfinished: UnfinishedCheckpoint | undefined;
  #isRestored = false;

  /**
   * @param options options
   * @param isBetter whether the first value is better than the second
   */
  constructor(
    options: CheckpointWriterOptions,
    isBetter: (value: number, reference: number) => boolean,
  ) {
    this.#options = options;
    this.#isBetter = isBetter;
  }

  /** File system. */
  get fs(): FileSystem {
    return this.#options.fs ?? getRuntime().fs;
  }

  /**
   * Save the model as it is now.
   *
   * @param isKept whether it counts towards the limits and may be removed later
   * @param written called when everything is written, possibly after this call has returned
   * @param failed called if a write in the background fails. Default: none
   * @throws Error if this or the previous checkpoint could not be written
   */
  async save(
    model: TrainableModel,
    checkpoint: UnfinishedCheckpoint,
    { isKept, written, failed }: { isKept: boolean; written(): void; failed?(): void },
  ): Promise<void> {
    await this.settle();
    const finish = async () => {
      if (isKept) await this.#keep(checkpoint);
      this.#unfinished = undefined;
      written();
    };
    const path = pathIn(checkpoint);
    const before = this.#saved;
    if (isKept) this.#saved = checkpoint;
    if (!this.#options.saveOnBackground) {
      await this.#write(model, path, checkpoint.metadata);
      return await finish();
    }
    this.#unfinished = checkpoint;
    await new Promise<void>((resolve, reject) => {
      this.#pending = this.#write(model, path, checkpoint.metadata, resolve).then(finish);
      // Reported here if the values were not copied, otherwise by settle().
      this.#pending.catch((error) => {
        if (this.#saved === checkpoint) this.#saved = before;
        failed?.();
        reject(error);
      });
    });
  }

  /** Wait for the current write. Throws if it or the previous one failed. */
  async settle(): Promise<void> {
    const pending = this.#pending;
    this.#pending = undefined;
    try {
      await pending;
    } finally {
      this.#unfinished = undefined;
    }
  }

  /** The existing checkpoints and the one being written. */
  getState(): WriterState {
    return structuredClone({
      kept: this.#kept,
      saved: this.#saved,
      unfinished: this.#unfinished,
    });
  }

  /** Continue from a state of {@linkcode getState}; then call {@linkcode resume}. */
  setState(state: WriterState): void {
    const { kept = [], saved, unfinished } = structuredClone(state);
    this.#kept = kept;
    this.#saved = saved;
    this.#unfinished = unfinished;
    this.#isRestored = true;
  }

  /**
   * Write the checkpoint that was being written when the restored state was saved, from a model
   * with the same weights.
   *
   * @param model returns the model; called only if needed
   * @returns the last checkpoint if it should exist but is missing; otherwise undefined
   */
  async resume(model: () => TrainableModel): Promise<KeptCheckpoint | undefined> {
    const [unfinished, isRestored] = [this.#unfinished, this.#isRestored];
    this.#isRestored = false;
    if (unfinished !== undefined) {
      await this.save(model(), unfinished, { isKept: true, written: () => {} });
      return undefined;
    }
    const saved = this.#saved;
    const { maxToKeep, keepBest } = this.#options;
    // The run that saved the state may have replaced it by a better one, which is saved again.
    if (isRestored && (maxToKeep ?? keepBest) !== undefined) return undefined;
    return saved && !await exists(pathIn(saved), { fs: this.fs }) ? saved : undefined;
  }

  /** Count a checkpoint towards the limits, and remove those that exceed them. */
  async #keep({ path, value }: KeptCheckpoint): Promise<void> {
    const { maxToKeep, keepBest } = this.#options;
    if (maxToKeep === undefined && keepBest === undefined) return;
    const all = [...this.#kept.filter((one) => one.path !== path), { path, value }];
    const last = maxToKeep === undefined ? [] : all.slice(-maxToKeep);
    const best = all.slice().sort((a, b) => this.#compare(a, b)).slice(0, keepBest ?? 0);
    this.#kept = all.filter((one) => last.includes(one) || best.includes(one));
    for (const one of all.filter((one) => !this.#kept.includes(one))) {
      const path = pathIn(one);
      if (isSafetensors(path)) await this.fs.remove(path);
      else await removeCheckpoint(path, { fs: this.fs });
    }
  }

  async #write(
    model: TrainableModel,
    path: Path,
    metadata: Record<string, StateValue>,
    onTaken?: () => void,
  ): Promise<void> {
    const { fs } = this;
    const { saveWeightsOnly = false, includeOptimizer } = this.#options;
    try {
      if (isSafetensors(path)) {
        await ensureDir(directoryOf(path), { fs });
        await saveSafetensors(model as never, path, { fs, onTaken });
      } else {
        const options = { fs, weightsOnly: saveWeightsOnly, includeOptimizer, metadata, onTaken };
        await saveCheckpoint(model as never, path, options);
      }
    } catch (cause) {
      const message = `Cannot save the checkpoint ${path}: ${messageOf(cause)}`;
      throw cause instanceof FileSystemError
        ? new FileSystemError(cause.code, message, { path: cause.path, cause })
        : new Error(message, { cause });
    }
  }

  /**
   * Negative if `a` is better. A missing or NaN value is the worst; of equal values, the older is
   * better.
   */
  #compare({ value: a = NaN }: KeptCheckpoint, { value: b = NaN }: KeptCheckpoint): number {
    if (Number.isNaN(a) || Number.isNaN(b)) {
      return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    }
    return Number(this.#isBetter(b, a)) - Number(this.#isBetter(a, b));
  }
}

/** Path of a checkpoint. */
function pathIn({ path }: KeptCheckpoint): Path {
  return path.startsWith("file:") ? new URL(path) : path;
}

/** Whether a path names a safetensors file. */
export function isSafetensors(path: Path): boolean {
  return (path instanceof URL ? path.pathname : path).endsWith(".safetensors");
}
