import type { StateValue } from "../core/callback.ts";
import { messageOf } from "../core/errors.ts";
import type { TrainableModel } from "../core/model.ts";
import { removeCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { saveSafetensors } from "./safetensors.ts";
import { directoryOf, ensureDir, exists, getRuntime } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";

/** What is written, and what stays. */
export interface CheckpointWriterOptions {
  /** Save the weights alone, to be read by `loadWeights`: no layers, no optimizer. Default: false. */
  saveWeightsOnly?: boolean;
  /** Save the optimizer's state too, to go on with training. Default: true. */
  includeOptimizer?: boolean;
  /** Number of last checkpoints to keep; older ones are removed. Default: all. */
  maxToKeep?: number;
  /** Number of best checkpoints to keep, by `monitor`, beside those of `maxToKeep`. Default: all. */
  keepBest?: number;
  /**
   * Let training go on while files are written; the values are taken before. The next save and the
   * end of training wait for them, and report their failure. Default: false.
   */
  saveOnBackground?: boolean;
  /** Where checkpoints are. Default: the runtime's own file system. */
  fs?: FileSystem;
}

/** An existing checkpoint. */
export interface KeptCheckpoint {
  path: string;
  /** What the watched value was; undefined where it was missing. */
  value?: number;
}

/** A checkpoint that is being written. */
export interface UnfinishedCheckpoint extends KeptCheckpoint {
  /** What is saved beside the model. */
  metadata: Record<string, StateValue>;
}

/** What a writer remembers. */
export interface WriterState {
  /** Checkpoints that may be removed once, the oldest first. */
  kept?: KeptCheckpoint[];
  /** The last one that was saved. */
  saved?: KeptCheckpoint;
  /** The one that is being written. */
  unfinished?: UnfinishedCheckpoint;
}

/** Writes a run's checkpoints one after another, and removes its own that are not to stay. */
export class CheckpointWriter {
  readonly #options: CheckpointWriterOptions;
  readonly #isBetter: (value: number, reference: number) => boolean;
  // Those that it may remove once, the oldest first.
  #kept: KeptCheckpoint[] = [];
  #saved: KeptCheckpoint | undefined;
  #pending: Promise<void> | undefined;
  #unfinished: UnfinishedCheckpoint | undefined;

  /**
   * @param options what is written
   * @param isBetter true when the first value is better than the second
   */
  constructor(
    options: CheckpointWriterOptions,
    isBetter: (value: number, reference: number) => boolean,
  ) {
    this.#options = options;
    this.#isBetter = isBetter;
  }

  /** Where it writes. */
  get fs(): FileSystem {
    return this.#options.fs ?? getRuntime().fs;
  }

  /**
   * Save the model as it is now.
   *
   * @param isKept whether it counts among those that may be removed
   * @param written called when all is written, which may be later
   * @throws Error when it, or the one before, could not be written
   */
  async save(
    model: TrainableModel,
    checkpoint: UnfinishedCheckpoint,
    { isKept, written }: { isKept: boolean; written: () => void },
  ): Promise<void> {
    await this.settle();
    const finish = async () => {
      if (isKept) await this.#keep(checkpoint);
      this.#unfinished = undefined;
      written();
    };
    const path = pathIn(checkpoint);
    if (isKept) this.#saved = checkpoint;
    if (!this.#options.saveOnBackground) {
      await this.#write(model, path, checkpoint.metadata);
      return await finish();
    }
    this.#unfinished = checkpoint;
    await new Promise<void>((resolve, reject) => {
      this.#pending = this.#write(model, path, checkpoint.metadata, resolve).then(finish);
      // Told here when nothing was taken; later by whoever settles.
      this.#pending.catch(reject);
    });
  }

  /** Wait until nothing is being written; fails when the last writing did. */
  async settle(): Promise<void> {
    const pending = this.#pending;
    this.#pending = undefined;
    try {
      await pending;
    } finally {
      this.#unfinished = undefined;
    }
  }

  /** Which checkpoints there are, and what is being written now. */
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
  }

  /**
   * Write what was being written when the restored state was taken, from a model with the same
   * weights.
   *
   * @param model gives it, asked for only then
   * @returns the last checkpoint when it is gone; undefined when it is there, or there was none
   */
  async resume(model: () => TrainableModel): Promise<KeptCheckpoint | undefined> {
    const unfinished = this.#unfinished;
    if (unfinished !== undefined) {
      await this.save(model(), unfinished, { isKept: true, written: () => {} });
      return undefined;
    }
    const saved = this.#saved;
    return saved && !await exists(pathIn(saved), { fs: this.fs }) ? saved : undefined;
  }

  /** Count this one among those that may be removed, and remove what is not to stay. */
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
      throw new Error(`Cannot save the checkpoint ${path}: ${messageOf(cause)}`, { cause });
    }
  }

  /** Negative when `a` is better; a value that is missing or NaN is worst, of equals the older one best. */
  #compare({ value: a = NaN }: KeptCheckpoint, { value: b = NaN }: KeptCheckpoint): number {
    if (Number.isNaN(a) || Number.isNaN(b)) {
      return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    }
    return Number(this.#isBetter(b, a)) - Number(this.#isBetter(a, b));
  }
}

/** Where a checkpoint is. */
function pathIn({ path }: KeptCheckpoint): Path {
  return path.startsWith("file:") ? new URL(path) : path;
}

/** True for a path that names a safetensors file. */
export function isSafetensors(path: Path): boolean {
  return (path instanceof URL ? path.pathname : path).endsWith(".safetensors");
}
