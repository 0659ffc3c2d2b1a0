import type { DataType, TypedArray } from "@tensorflow/tfjs";
import type { HostWeight } from "../core/model.ts";
import { namesInFile } from "../core/weight_names.ts";
import { getEngine } from "../tfjs/engine.ts";
import { trainedNamesInFile, trainedWeights } from "../tfjs/optimizer_names.ts";
import {
  type NamedValue,
  type OptimizerState,
  setOptimizerState,
} from "../tfjs/optimizer_state.ts";
import { optimizerClassOf, slotFieldsOf } from "../tfjs/optimizers.ts";
import type { LayersModel } from "../tfjs/types.ts";
import type { CheckpointOptions } from "./checkpoint.ts";
import {
  AVERAGE,
  MODEL_FILE,
  type ModelJson,
  readCheckpoint,
  WEIGHTS_FILE,
  type WeightsContent,
} from "./checkpoint_files.ts";
import { getRuntime } from "../runtime/mod.ts";
import { showPath } from "../runtime/paths.ts";
import { matchWeights } from "./match_weights.ts";
import { readSafetensors } from "./safetensors.ts";
import type { FileSystem, Path } from "../runtime/types.ts";

/** Options of {@linkcode loadWeights}. */
export interface LoadWeightsOptions extends CheckpointOptions {
  /**
   * Leave the layers as they are whose weights were saved with another shape or type, such as a head
   * for other classes. A warning names them. Default: false, such a checkpoint is refused.
   */
  skipMismatch?: boolean;
  /**
   * Load the layers that the checkpoint and the model both have, by the very names, and leave the
   * others as they are; a warning names them. Give layers names for this: those that TensorFlow.js
   * makes up count the layers of the process. Default: false, both must have the same weights.
   */
  byName?: boolean;
}

/** What {@linkcode loadWeights} did. */
export interface LoadedWeights {
  /** True when the optimizer's state was restored too. */
  optimizer: boolean;
  /** With `skipMismatch` or `byName`, names of the weights that the model keeps as they were. */
  skipped?: string[];
}

/**
 * Put saved weights into a model that exists, by name. The numbers that TensorFlow.js gives to
 * layers without a name count the layers of the process, so they need not be the same: such layers
 * are matched in the order in which they were made.
 *
 * Where the checkpoint has the state of an optimizer and the model is compiled with one of the same
 * class, that is restored as well, so that training continues exactly (`tf.loadLayersModel` computes
 * Adam's powers of beta another way, off by a rounding, and has no state of Adamax). The learning
 * rate stays the model's. Nothing is changed when anything does not fit. With `skipMismatch` or
 * `byName` the optimizer is left as it is.
 *
 * Source of `skipMismatch` and `byName`: `load_weights` in `keras/src/models/model.py`.
 *
 * @param model a built model; with an optimizer, compiled
 * @param path a checkpoint of {@linkcode saveCheckpoint} or `model.save`, of either form, or a file
 *   of {@linkcode saveSafetensors}, known by the end of its name
 * @param options what may differ
 * @returns whether the optimizer's state was restored, and what was skipped
 * @throws FileSystemError `NotFound` when there is no checkpoint
 * @throws SyntaxError when it cannot be read
 * @throws RangeError when weights are missing, too many, of another shape or type, or truncated; with
 *   `skipMismatch` or `byName`, when not one of them can be loaded
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { loadWeights, memoryFileSystem, saveCheckpoint } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const build = (classes: number) =>
 *   tf.sequential({
 *     layers: [
 *       tf.layers.dense({ name: "body", units: 3, inputShape: [2] }),
 *       tf.layers.dense({ name: "head", units: classes }),
 *     ],
 *   });
 * const fs = memoryFileSystem();
 * const [trained, fresh] = [build(2), build(2)];
 * await saveCheckpoint(trained, "best", { fs, weightsOnly: true });
 * assert.deepEqual(await loadWeights(fresh, "best", { fs }), { optimizer: false });
 * assert.deepEqual(fresh.getWeights()[0].dataSync(), trained.getWeights()[0].dataSync());
 *
 * // A new head for five classes keeps what it has.
 * const other = build(5);
 * const { skipped } = await loadWeights(other, "best", { fs, skipMismatch: true });
 * assert.deepEqual(skipped, ["head/kernel", "head/bias"]);
 * assert.deepEqual(other.getWeights()[0].dataSync(), trained.getWeights()[0].dataSync());
 * ```
 */
export async function loadWeights(
  model: LayersModel,
  path: Path,
  options: LoadWeightsOptions = {},
): Promise<LoadedWeights> {
  const { fs = getRuntime().fs, skipMismatch = false, byName = false } = options;
  const action = `Cannot load weights from ${showPath(path)}`;
  const content = await readWeights(fs, path, action);
  const saved = content.saved.filter(({ group }) => group !== "optimizer");
  const matched = matchWeights(model, saved, { skipMismatch, byName, action });
  const skipped = namesInFile(model).filter((_name, i) => matched[i] === undefined);
  const isStrict = !skipMismatch && !byName;
  const state = isStrict ? savedState(model, content, matched as SavedWeight[], action) : undefined;
  // First, because it refuses what does not fit.
  if (state !== undefined) await setOptimizerState(model, state);
  const engine = getEngine();
  const present = model.getWeights();
  const tensors = matched.map((weight, i) =>
    weight === undefined
      ? present[i].clone()
      : engine.makeTensor(weight.values as TypedArray, weight.shape, weight.dtype as DataType)
  );
  try {
    model.setWeights(tensors);
  } finally {
    for (const tensor of tensors) tensor.dispose();
  }
  if (isStrict) return { optimizer: state !== undefined };
  if (skipped.length > 0) {
    console.warn(
      `keepfit: loading ${showPath(path)}: the model keeps its own '${skipped.join("', '")}'`,
    );
  }
  return { optimizer: false, skipped };
}

type Values = Float32Array | Int32Array | Uint8Array | Uint8Array[];

/** A weight on the host, in a buffer of its own. */
interface SavedWeight {
  name: string;
  shape: number[];
  dtype: string;
  group?: string;
  values: Values;
}

/** What a file or a checkpoint holds. */
interface Content {
  header?: ModelJson;
  saved: SavedWeight[];
  /** What TensorFlow.js does not see. */
  hidden: SavedWeight[];
}

async function readWeights(fs: FileSystem, path: Path, action: string): Promise<Content> {
  if (/\.safetensors$/.test(path instanceof URL ? path.pathname : path)) {
    const { tensors } = await readSafetensors(path, { fs });
    // A dtype that the model does not have is reported by its name, before the values are used.
    return { saved: tensors as SavedWeight[], hidden: [] };
  }
  const content = await readCheckpoint(fs, path, [MODEL_FILE, WEIGHTS_FILE]);
  return {
    header: content.model,
    saved: decodeWeights(content, action),
    hidden: decodeWeights(content.hidden, action),
  };
}

/** Read the weights out of bytes that may be cut anywhere. */
function decodeWeights({ specs, shards }: WeightsContent, action: string): SavedWeight[] {
  const take = byteReader(shards);
  return specs.map(({ name, shape, dtype, group, quantization }) => {
    const size = sizeOf(shape);
    let values: Values;
    if (quantization !== undefined || dtype === "complex64") {
      const kind = quantization === undefined ? dtype : "quantized";
      throw new TypeError(`${action}: '${name}' is ${kind}; load it with tf.loadLayersModel()`);
    } else if (dtype === "string") {
      values = Array.from({ length: size }, () => take(new Uint32Array(take(4).buffer)[0]));
    } else if (dtype === "float32") {
      values = new Float32Array(take(4 * size).buffer);
    } else if (dtype === "int32") {
      values = new Int32Array(take(4 * size).buffer);
    } else {
      values = take(size);
    }
    return { name, shape, dtype, group, values };
  });
}

/** A function that gives the next bytes, as a copy. */
function byteReader(shards: ArrayBuffer[]): (length: number) => Uint8Array<ArrayBuffer> {
  let shard = 0;
  let offset = 0;
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length && shard < shards.length;) {
      const part = new Uint8Array(shards[shard], offset).subarray(0, length - at);
      bytes.set(part, at);
      at += part.length;
      offset += part.length;
      if (offset === shards[shard].byteLength) {
        shard++;
        offset = 0;
      }
    }
    return bytes;
  };
}

/**
 * The state that the checkpoint has for the model's optimizer; undefined where it has none, or that
 * of another class.
 *
 * @param weights the saved weights in the model's order
 * @throws RangeError when it does not fit the weights that the model trains
 */
function savedState(
  model: LayersModel,
  { header, saved, hidden }: Content,
  weights: SavedWeight[],
  action: string,
): OptimizerState | undefined {
  const { optimizer } = model;
  const visible = saved.filter(({ group }) => group === "optimizer");
  const json = header?.optimizerState;
  const config = header?.trainingConfig?.optimizer_config as { class_name?: string } | undefined;
  const className = json?.className ?? config?.class_name ?? header?.optimizerClass;
  const isThere = json !== undefined || visible.length > 0;
  if (!isThere || className === undefined || className !== optimizer?.getClassName()) return;

  const state: OptimizerState = {
    className,
    // TensorFlow.js has it first among the weights, and so had keepfit before `optimizerState`.
    iterations: json?.iterations ?? Number(visible[0].values[0]),
    learningRate: null,
    slots: {},
    scalars: json?.scalars ?? {},
  };
  const order = trainedOrder(model, json?.trainedWeights, weights);
  const trained = trainedWeights(model) ?? [];
  const averages = hidden.filter(({ name }) => name.endsWith(AVERAGE));
  if (averages.length > 0) {
    const what = `moving averages of ${className}`;
    const [ordered] = perWeight(model, averages, 1, order, what, action);
    state.average = ordered.map(({ value }, i) => ({ ...value, name: trained[i].path }));
  }
  const known = optimizerClassOf(optimizer);
  if (known === undefined) {
    return { ...state, weights: visible.map(named), variables: json?.variables };
  }
  const fields = slotFieldsOf(optimizer, known);
  const slots = known.isLoadedByTfjs
    ? visible.slice(visible[0]?.values.length === 1 ? 1 : 0)
    : hidden.filter((weight) => !averages.includes(weight));
  const lists = perWeight(model, slots, fields.length, order, `slots of ${className}`, action);
  fields.forEach((field, i) => {
    if (lists.length > 0) state.slots[field] = lists[i];
  });
  return state;
}

/** For each trained weight of the model its place among the saved ones; undefined if not known. */
function trainedOrder(
  model: LayersModel,
  names: string[] | undefined,
  weights: SavedWeight[],
): number[] | undefined {
  if (names === undefined) return undefined;
  const places = new Map(names.map((name, i) => [name, i]));
  const all = namesInFile(model);
  return trainedNamesInFile(model, "load weights").map((name) =>
    places.get(weights[all.indexOf(name)]?.name) ?? -1
  );
}

/**
 * Lists of one value for each trained weight, in the model's order; none where nothing was saved.
 *
 * @param count how many lists there are, one after another
 * @param order places in the saved lists; undefined to go by position, as TensorFlow.js does
 */
function perWeight(
  model: LayersModel,
  saved: SavedWeight[],
  count: number,
  order: number[] | undefined,
  what: string,
  action: string,
): NamedValue[][] {
  const trained = trainedWeights(model) ?? [];
  const wanted = trained.length * count;
  if (saved.length === 0) return [];
  if (saved.length !== wanted || order?.includes(-1)) {
    const given = saved.length === wanted ? "of other weights" : String(saved.length);
    throw new RangeError(
      `${action}: expected ${wanted} ${what} for ${trained.length} trainable weights, ` +
        `got ${given}; were others frozen when it was saved?`,
    );
  }
  return Array.from({ length: count }, (_none, list) =>
    trained.map(({ shape, path }, i) => {
      const value = saved[list * trained.length + (order?.[i] ?? i)];
      if (String(value.shape) !== String(shape)) {
        throw new RangeError(
          `${action}: expected shape [${shape}] of '${value.name}' among the ${what} for the weight ` +
            `'${path}', got [${value.shape}]`,
        );
      }
      return { ...named(value), name: `${path}/${value.name.split("/").at(-1)}` };
    }));
}

function named({ name, shape, dtype, values }: SavedWeight): NamedValue {
  return { name, value: { shape, dtype, values: values as HostWeight["values"] } };
}

function sizeOf(shape: number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
