import type { CallbackState, StateValue } from "../core/callback.ts";
import { messageOf } from "../core/errors.ts";
import { addOtherNames, type Logs } from "../core/logs.ts";
import { MonitorCallback, type MonitorOptions } from "../core/monitor_callback.ts";
import { ensureDir, getRuntime, saveCheckpoint } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import {
  checkOptions,
  checkValue,
  finite,
  flag,
  given,
  monitorOptions,
  type OptionRule,
  verbosity,
} from "./options.ts";
import { parentOf, place } from "./place.ts";
import { parseTemplate, pythonFixed, type Template } from "./python_format.ts";

/** Options of {@linkcode ModelCheckpoint}. */
export interface ModelCheckpointOptions extends Omit<MonitorOptions, "minDelta"> {
  /** Above 0 or true: print what is saved and why. Default: 0. */
  verbose?: number | boolean;
  /** Save only when the watched value is the best so far. Default: false. */
  saveBestOnly?: boolean;
  /** Save the weights alone, to be read by `loadWeights`: no layers, no optimizer. Default: false. */
  saveWeightsOnly?: boolean;
  /** `"epoch"`, or a number of batches after which to save; it counts on over epochs. Default: `"epoch"`. */
  saveFreq?: "epoch" | number;
  /** What the first best value must beat; used with `saveBestOnly`. Default: nothing. */
  initialValueThreshold?: number;
  /** With `saveBestOnly`, what to do when the watched key is missing. Default: `"save"`, as in Keras. */
  onMissing?: "save" | "skip";
  /** Save the optimizer's state too, to go on with training. Default: true. */
  includeOptimizer?: boolean;
  /** Where checkpoints are. Default: the runtime's own file system. */
  fs?: FileSystem;
}

/**
 * Save the model, or its weights, as training goes on.
 *
 * `filepath` names a directory, which has TensorFlow.js's `model.json` and weights in it. It is a
 * template as in Python: `{epoch:02d}` and, with a `saveFreq` of batches, `{batch}` count from 1;
 * `{val_loss:.4f}` and every other key of the logs may stand in it. A name that no log will have
 * fails before the first batch.
 *
 * A checkpoint that is there is replaced at once, never in part. `best` goes on over runs of one
 * instance. A whole model has the epoch and the batch (both 0-based) and the logs in its
 * `userDefinedMetadata`.
 *
 * Source: `keras/src/callbacks/model_checkpoint.py`.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { CallbackList, ModelCheckpoint } from "keepfit";
 * import { exists, memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
 * const fs = memoryFileSystem();
 * const checkpoint = new ModelCheckpoint("runs/{epoch:02d}-{loss:.1f}", { fs });
 * const list = new CallbackList([checkpoint], { model });
 * await list.onTrainBegin();
 * await list.onEpochBegin(0);
 * await list.onEpochEnd(0, { loss: 0.5 });
 * assert(await exists("runs/01-0.5/model.json", { fs }));
 * ```
 */
export class ModelCheckpoint extends MonitorCallback {
  /** The template of the directory's name. */
  readonly filepath: Path;
  /** Whether only the best is saved. */
  readonly saveBestOnly: boolean;
  /** Whether the weights are saved alone. */
  readonly saveWeightsOnly: boolean;
  /** When it saves. */
  readonly saveFreq: "epoch" | number;
  #template: Template;
  #verbose: boolean;
  #onMissing: "save" | "skip";
  #includeOptimizer: boolean;
  #fs: FileSystem | undefined;
  #epoch = 0;
  #lastBatch = -1;
  #batchesSinceSave = 0;

  /**
   * @param filepath template of a directory's path, or `file:` URL
   * @param options what to save, and when
   * @throws SyntaxError for a template that cannot be read
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for a `saveFreq` that is neither `"epoch"` nor a whole number above 0
   */
  constructor(filepath: Path, options: ModelCheckpointOptions = {}) {
    super(options, options.initialValueThreshold);
    checkValue("ModelCheckpoint", "filepath", filepath, place);
    checkOptions(this, "ModelCheckpoint", options, {
      ...monitorOptions,
      verbose: verbosity,
      saveBestOnly: flag,
      saveWeightsOnly: flag,
      saveFreq: frequency,
      initialValueThreshold: finite,
      onMissing: saveOrSkip,
      includeOptimizer: flag,
      fs: given,
    });
    this.filepath = filepath;
    this.saveBestOnly = options.saveBestOnly ?? false;
    this.saveWeightsOnly = options.saveWeightsOnly ?? false;
    this.saveFreq = options.saveFreq ?? "epoch";
    // In a URL the braces are encoded.
    this.#template = parseTemplate(
      filepath instanceof URL ? decodeURI(filepath.href) : filepath,
    );
    this.#verbose = Number(options.verbose ?? 0) > 0;
    this.#onMissing = options.onMissing ?? "save";
    this.#includeOptimizer = options.includeOptimizer ?? true;
    this.#fs = options.fs;
    // Only then, because a batch hook that is there is called for every batch.
    if (this.saveFreq !== "epoch") this.onTrainBatchEnd = this.#countBatch;
  }

  /** Only the batches after which it saves. */
  override readsBatchLogs(batch: number): boolean {
    return this.saveFreq !== "epoch" && this.#count(batch) >= this.saveFreq;
  }

  override async onTrainBegin(): Promise<void> {
    this.resetMonitorWarning();
    const { metrics } = this.params ?? {};
    if (metrics !== undefined) {
      if (this.saveBestOnly) this.resolveMode();
      this.#checkNames(metrics);
    }
    this.#fs ??= getRuntime().fs;
    // A folder that cannot be made fails now; behind the first placeholder it is not known yet.
    const { start, names } = this.#template;
    await ensureDir(parentOf(this.#place(names.length > 0 ? `${start}_` : start)), {
      fs: this.#fs,
    });
  }

  override onEpochBegin(epoch: number): void {
    this.#epoch = epoch;
  }

  override async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    this.#epoch = epoch;
    if (this.saveFreq === "epoch") await this.#saveIfWanted(logs);
  }

  /** The best value, and how many batches were counted. */
  getState(): CallbackState {
    return {
      best: this.best,
      epoch: this.#epoch,
      lastBatch: this.#lastBatch,
      batchesSinceSave: this.#batchesSinceSave,
    };
  }

  /** Go on from there. */
  setState(state: CallbackState): void {
    this.best = state.best as number | undefined;
    this.#epoch = state.epoch as number;
    this.#lastBatch = state.lastBatch as number;
    this.#batchesSinceSave = state.batchesSinceSave as number;
  }

  async #countBatch(batch: number, logs: Logs): Promise<void> {
    this.#batchesSinceSave = this.#count(batch);
    this.#lastBatch = batch;
    if (this.#batchesSinceSave < (this.saveFreq as number)) return;
    this.#batchesSinceSave = 0;
    await this.#saveIfWanted(logs, batch);
  }

  /** Batches since the last save, with this one; an index that is not higher begins an epoch. */
  #count(batch: number): number {
    const isNewEpoch = batch <= this.#lastBatch;
    return this.#batchesSinceSave + (isNewEpoch ? batch + 1 : batch - this.#lastBatch);
  }

  async #saveIfWanted(logs: Logs, batch?: number): Promise<void> {
    // Before the decision, so that a bad template shows at once.
    const directory = this.#directory(logs, batch);
    const epoch = `Epoch ${this.#epoch + 1}`;
    let improved = "";
    let best = this.best;
    if (this.saveBestOnly) {
      const value = this.monitorValue(logs, this.#onMissing === "save" ? "saving" : "not saving");
      if (value === undefined) {
        if (this.#onMissing === "skip") return;
      } else if (this.isImprovement(value, this.best)) {
        improved = `${this.monitor} improved from ${show(this.best)} to ${show(value)}, `;
        best = value;
      } else {
        this.#print(`${epoch}: ${this.monitor} did not improve from ${show(this.best)}`);
        return;
      }
    }
    this.#print(`${epoch}: ${improved}saving model to ${directory}`);
    await this.#save(directory, logs, batch);
    // A value that could not be saved is not to be beaten.
    this.best = best;
    this.#print(`${epoch}: finished saving model to ${directory}`);
  }

  async #save(directory: Path, logs: Logs, batch: number | undefined): Promise<void> {
    const metadata: Record<string, StateValue> = { epoch: this.#epoch, logs: { ...logs } };
    if (batch !== undefined) metadata.batch = batch;
    try {
      await saveCheckpoint(this.model as never, directory, {
        fs: this.#fs,
        includeOptimizer: this.#includeOptimizer && !this.saveWeightsOnly,
        weightsOnly: this.saveWeightsOnly,
        metadata,
      });
    } catch (cause) {
      throw new Error(`Cannot save the checkpoint ${directory}: ${messageOf(cause)}`, { cause });
    }
  }

  #directory(logs: Logs, batch: number | undefined): Path {
    if (Object.hasOwn(logs, "epoch")) {
      throw new TypeError(
        `Cannot name a checkpoint by '${this.filepath}': the logs have a key 'epoch' of their own`,
      );
    }
    const isOwnBatch = batch !== undefined && logs.batch === undefined;
    const values = addOtherNames({
      epoch: this.#epoch + 1,
      ...(isOwnBatch ? { batch: batch + 1 } : {}),
      ...logs,
    });
    return this.#place(this.#template.format(values, isOwnBatch ? ["epoch", "batch"] : ["epoch"]));
  }

  #place(path: string): Path {
    return this.filepath instanceof URL ? new URL(path) : path;
  }

  /** Fail for a name that no log will have, as far as the run's keys tell. */
  #checkNames(metrics: string[]): void {
    const isByBatch = this.saveFreq !== "epoch";
    const available = [
      "epoch",
      ...(isByBatch ? ["batch"] : []),
      ...metrics.filter((name) => !isByBatch || !name.startsWith("val_")),
    ];
    const known = addOtherNames(Object.fromEntries(available.map((name) => [name, 0])));
    // Other callbacks may add the rate or what is watched, but no `val_` of the run's own metrics.
    const mayBeAdded = (name: string) =>
      name.startsWith("learning_rate") ||
      (this.saveBestOnly && name === this.monitor &&
        !Object.hasOwn(known, name.replace(/^val_/, "")));
    for (const name of this.#template.names) {
      if (Object.hasOwn(known, name) || mayBeAdded(name)) continue;
      throw new RangeError(
        `Cannot name checkpoints by '${this.filepath}': no log has ${name}, ` +
          `available are ${available.join(", ")}`,
      );
    }
  }

  #print(message: string): void {
    if (this.#verbose) console.log(`\n${message}`);
  }
}

const frequency: OptionRule = {
  types: ["string", "number"],
  wanted: `"epoch" or a whole number of batches above 0`,
  holds: (value: unknown) =>
    value === "epoch" || (Number.isSafeInteger(value) && Number(value) > 0),
};

const saveOrSkip: OptionRule = {
  types: ["string"],
  wanted: `"save" or "skip"`,
  holds: (value: string) => value === "save" || value === "skip",
};

function show(value: number | undefined): string {
  return value === undefined ? "None" : pythonFixed(value, 5);
}
