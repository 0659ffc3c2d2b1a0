import type { StateValue } from "../core/callback.ts";
import { messageOf } from "../core/errors.ts";
import type { TrainableModel } from "../core/model.ts";
import { removeCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { saveSafetensors } from "./safetensors.ts";
import { directoryOf, ensureDir, getRuntime } from "../runtime/mod.ts";
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

/** Writes a run's checkpoints one after another, and removes its own that are not to stay. */
export class CheckpointWriter {
  /** Those that it may remove once, the oldest first. */
  kept: KeptCheckpoint[] = [];
  readonly #options: CheckpointWriterOptions;
  readonly #isBetter: (value: number, reference: number) => boolean;
  #pending: Promise<void> | undefined;

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
   * @param written called when all is written, which may be later
   * @throws Error when it, or the one before, could not be written
   */
  async save(
    model: TrainableModel,
    path: Path,
    metadata: Record<string, StateValue>,
    written: () => void | Promise<void>,
  ): Promise<void> {
    await this.settle();
    if (!this.#options.saveOnBackground) {
      await this.#write(model, path, metadata);
      return await written();
    }
    await new Promise<void>((resolve, reject) => {
      this.#pending = this.#write(model, path, metadata, resolve).then(written);
      // Told here when nothing was taken; later by whoever settles.
      this.#pending.catch(reject);
    });
  }

  /** Wait until nothing is being written; fails when the last writing did. */
  async settle(): Promise<void> {
    const pending = this.#pending;
    this.#pending = undefined;
    await pending;
  }

  /** Count this one among those that may be removed, and remove what is not to stay. */
  async keep(checkpoint: KeptCheckpoint): Promise<void> {
    const { maxToKeep, keepBest } = this.#options;
    if (maxToKeep === undefined && keepBest === undefined) return;
    const all = [...this.kept.filter(({ path }) => path !== checkpoint.path), checkpoint];
    const last = maxToKeep === undefined ? [] : all.slice(-maxToKeep);
    const best = all.slice().sort((a, b) => this.#compare(a, b)).slice(0, keepBest ?? 0);
    this.kept = all.filter((one) => last.includes(one) || best.includes(one));
    for (const one of all.filter((one) => !this.kept.includes(one))) {
      const path = one.path.startsWith("file:") ? new URL(one.path) : one.path;
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

/** True for a path that names a safetensors file. */
export function isSafetensors(path: Path): boolean {
  return (path instanceof URL ? path.pathname : path).endsWith(".safetensors");
}
