import { addOtherNames, type Logs } from "../core/logs.ts";
import { directoryOf } from "../runtime/mod.ts";
import type { Path } from "../runtime/types.ts";
import { parseTemplate, type Template } from "./python_format.ts";

/** The template of a checkpoint's path, as in Python: `{epoch:02d}-{val_loss:.2f}`. */
export class CheckpointPath {
  readonly #filepath: Path;
  readonly #template: Template;

  /** @throws SyntaxError for a template that cannot be read */
  constructor(filepath: Path) {
    this.#filepath = filepath;
    // In a URL the braces are encoded.
    this.#template = parseTemplate(filepath instanceof URL ? decodeURI(filepath.href) : filepath);
  }

  /** The directory that all checkpoints lie in, as far as it is known before the first one. */
  get parent(): Path {
    const { start, names } = this.#template;
    return directoryOf(this.#place(names.length > 0 ? `${start}_` : start));
  }

  /**
   * The path at this epoch and after this batch, both counted from 0 here and from 1 there.
   *
   * @throws RangeError for a name that has no value
   * @throws TypeError when the logs have a key `epoch`
   */
  at(epoch: number, batch: number | undefined, logs: Logs): Path {
    if (Object.hasOwn(logs, "epoch")) {
      throw new TypeError(
        `Cannot name a checkpoint by '${this.#filepath}': the logs have a key 'epoch' of their own`,
      );
    }
    const isOwnBatch = batch !== undefined && logs.batch === undefined;
    const values = addOtherNames({
      epoch: epoch + 1,
      ...(isOwnBatch ? { batch: batch + 1 } : {}),
      ...logs,
    });
    return this.#place(this.#template.format(values, isOwnBatch ? ["epoch", "batch"] : ["epoch"]));
  }

  /**
   * Fail for a name that no log will have, as far as the run's keys tell.
   *
   * @param metrics keys of the logs
   * @param isByBatch whether it saves after batches, which have no `val_` keys
   * @param watched a key that another callback may add, besides the learning rate
   * @throws RangeError for a name that is none of them
   */
  check(metrics: string[], isByBatch: boolean, watched: string | undefined): void {
    const available = isByBatch
      ? ["epoch", "batch", ...metrics.filter((name) => !name.startsWith("val_"))]
      : ["epoch", ...metrics];
    const known = addOtherNames(Object.fromEntries(available.map((name) => [name, 0])));
    // Another callback adds no `val_` of the run's own metrics.
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

  #place(path: string): Path {
    return this.#filepath instanceof URL ? new URL(path) : path;
  }
}

/** A path copied from Keras works, but what is there afterwards is no file that Keras reads. */
export function warnOfKerasFile(path: Path | undefined): void {
  const match = /^(.*?)((?:\.weights)?\.h5|\.hdf5|\.keras|\.ckpt)$/i.exec(String(path ?? ""));
  if (match === null) return;
  const [, stem, ending] = match;
  console.warn(
    `keepfit: ModelCheckpoint makes a directory of '${path}', not a ${ending} file: TensorFlow.js ` +
      `saves a model as a directory with model.json. Write '${stem}' for the model, or ` +
      `'${stem}.safetensors' with saveWeightsOnly for a file of its weights`,
  );
}
