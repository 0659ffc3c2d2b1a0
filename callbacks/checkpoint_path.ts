import { isSafetensors } from "../checkpoints/checkpoint_writer.ts";
import { addOtherNames, type Logs } from "../core/logs.ts";
import { directoryOf, probeDirectory, probePath, toFileUrl } from "../runtime/mod.ts";
import { pathOf } from "../runtime/paths.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { parseTemplate, type Template } from "./python_format.ts";

/** The template of a checkpoint's path, as in Python: `{epoch:02d}-{val_loss:.2f}`. */
export class CheckpointPath {
  readonly #filepath: Path;
  readonly #template: Template;

  /** @throws SyntaxError for an invalid template */
  constructor(filepath: Path) {
    this.#filepath = filepath;
    // In a URL, braces and a % in a name are encoded.
    this.#template = parseTemplate(pathOf(filepath));
  }

  /**
   * Check, before the first epoch, that the folder is writable and nothing else is at the path of
   * the first checkpoint. The path after the first placeholder other than the epoch is not known
   * yet.
   *
   * @param epoch the first epoch of the run
   * @param other another checkpoint, if any
   * @throws FileSystemError if they cannot be written
   */
  async probe(epoch: number, other: Path | undefined, fs: FileSystem): Promise<void> {
    const { start, names } = this.#template;
    await probeDirectory(directoryOf(this.#toPath(names.length > 0 ? `${start}_` : start)), { fs });
    const isKnown = names.every((name) => name === "epoch");
    for (const path of [isKnown ? this.at(epoch, undefined, {}) : undefined, other]) {
      if (path === undefined) continue;
      await probePath(path, isSafetensors(path) ? "file" : "directory", { fs });
    }
  }

  /** The first name without a value in these logs. */
  missingIn(logs: Logs): string | undefined {
    return this.#template.names.find((name) =>
      name !== "epoch" && name !== "batch" && typeof logs[name] !== "number"
    );
  }

  /**
   * The path after an epoch or batch, which count from 0 here but from 1 in the path.
   *
   * @throws RangeError for a name without a value
   * @throws TypeError if the logs have a key `epoch`
   */
  at(epoch: number, batch: number | undefined, logs: Logs): Path {
    if (Object.hasOwn(logs, "epoch")) {
      throw new TypeError(
        `Cannot name a checkpoint by '${this.#filepath}': the logs have their own key 'epoch'`,
      );
    }
    const isOwnBatch = batch !== undefined && logs.batch === undefined;
    const values = addOtherNames({
      epoch: epoch + 1,
      ...(isOwnBatch ? { batch: batch + 1 } : {}),
      ...logs,
    });
    return this.#toPath(this.#template.format(values, isOwnBatch ? ["epoch", "batch"] : ["epoch"]));
  }

  /**
   * Reject a name that no logs of the run will have.
   *
   * @param metrics keys of the logs
   * @param isByBatch whether it saves after batches, which have no `val_` keys
   * @param watched a key that another callback may add, besides the learning rate
   * @throws RangeError for any other name
   */
  check(metrics: string[], isByBatch: boolean, watched: string | undefined): void {
    const available = isByBatch
      ? ["epoch", "batch", ...metrics.filter((name) => !name.startsWith("val_"))]
      : ["epoch", ...metrics];
    const known = addOtherNames(Object.fromEntries(available.map((name) => [name, 0])));
    // No other callback adds a `val_` key of the run's metrics.
    const mayBeAdded = (name: string) =>
      name.startsWith("learning_rate") ||
      (name === watched && !Object.hasOwn(known, name.replace(/^val_/, "")));
    for (const name of this.#template.names) {
      if (Object.hasOwn(known, name) || mayBeAdded(name)) continue;
      throw new RangeError(
        `Cannot name checkpoints by '${this.#filepath}': no log has ${name}, ` +
          `available are ${available.join(", ")}`,
      );
    }
  }

  /**
   * Reject a name that is missing in epochs without validation.
   *
   * @param frequency interval of validation
   * @throws RangeError for a `val_` name, unless each epoch is validated
   */
  checkEachEpoch(frequency: number | readonly number[] | undefined): void {
    if (frequency === undefined || frequency === 1) return;
    const name = this.#template.names.find((name) => name.startsWith("val_"));
    if (name === undefined) return;
    throw new RangeError(
      `Cannot name checkpoints by '${this.#filepath}': epochs without validation have no ${name} ` +
        `(validationFreq is ${JSON.stringify(frequency)}); set onMissing: "skip" to skip those ` +
        `epochs`,
    );
  }

  #toPath(path: string): Path {
    return this.#filepath instanceof URL ? toFileUrl(path) : path;
  }
}

/** Warn about a path copied from Keras: the result is not a file that Keras can read. */
export function warnOfKerasFile(path: Path | undefined): void {
  const match = /^(.*?)((?:\.weights)?\.h5|\.hdf5|\.keras|\.ckpt)$/i.exec(String(path ?? ""));
  if (match === null) return;
  const [, stem, ending] = match;
  console.warn(
    `keepfit: ModelCheckpoint saves a directory '${path}', not a ${ending} file: TensorFlow.js ` +
      `saves a model as a directory with model.json. Write '${stem}' for the model, or ` +
      `'${stem}.safetensors' with saveWeightsOnly for a file with its weights`,
  );
}
