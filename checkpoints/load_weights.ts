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
import { readCheckpoint } from "./checkpoint_files.ts";
import { AVERAGE, MODEL_FILE, type ModelJson, WEIGHTS_FILE } from "./manifest.ts";
import { getRuntime } from "../runtime/mod.ts";
import { showPath } from "../runtime/paths.ts";
import { matchWeights } from "./match_weights.ts";
import type { WeightsContent } from "./read_shards.ts";
import { readSafetensors } from "./safetensors.ts";
import type { FileSystem, Path } from "../runtime/types.ts";

/** Options of {@linkcode loadWeights}. */
export interface LoadWeightsOptions extends CheckpointOptions {
  /**
   * Whether to skip layers with weights of another shape or type, such as a head for other classes.
   * A warning names them. Default: false, which rejects such a checkpoint.
   */
  skipMismatch?: boolean;
  /**
   * Whether to load only layers that both the checkpoint and the model have, by name. A warning
   * names the others. The layers need explicit names, because generated names count the layers of
   * the process. Default: false, which requires the same weights on both sides.
   */
  byName?: boolean;
}

/** Result of {@linkcode loadWeights}. */
export interface LoadedWeights {
  /** Whether the optimizer's state was restored. */
  optimizer: boolean;
  /** Names of weights that were not loaded, with `skipMismatch` or `byName`. */
  skipped?: string[];
}

/**
 * Load saved weights into an existing model, by name. Layers with generated names, in which
 * TensorFlow.js counts the layers of the process, are matched in order of creation.
 *
 * If the checkpoint has the state of an optimizer, and the model is compiled with one of the same
 * class, the state is also restored, so that training continues exactly. (`tf.loadLayersModel`
 * rounds Adam's powers of beta differently, and does not restore Adamax.) The learning rate is not
 * changed. If anything does not match, nothing is changed. With `skipMismatch` or `byName`, the
 * optimizer keeps its state.
 *
 * Source of `skipMismatch` and `byName`: `load_weights` in `keras/src/models/model.py`.
 *
 * @param model a built model; with an optimizer, compiled
 * @param path a checkpoint of {@linkcode saveCheckpoint} or `model.save` in either form, or a file of
 *   {@linkcode saveSafetensors}, recognized by its extension
 * @param options allowed differences
 * @returns whether the optimizer's state was restored, and which weights were skipped
 * @throws FileSystemError `NotFound` for a missing checkpoint
 * @throws SyntaxError if it cannot be parsed, or a checksum is wrong
 * @throws RangeError for missing, additional or truncated weights, or weights of another shape or
 *   type; with `skipMismatch` or `byName`, if no weight can be loaded
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
  // Computed before any change, because it rejects a mismatch.
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
      `keepfit: loading ${showPath(path)}: skipped '${
        skipped.join("', '")
      }', which the model keeps unchanged`,
    );
  }
  return { optimizer: false, skipped };
}

type Values = Float32Array | Int32Array | Uint8Array | Uint8Array[];

/** A weight on the host, with its own buffer. */
interface SavedWeight {
  name: string;
  shape: number[];
  dtype: string;
  group?: string;
  values: Values;
}

/** Content of a file or checkpoint. */
interface Content {
  header?: ModelJson;
  saved: SavedWeight[];
  /** Weights hidden from TensorFlow.js. */
  hidden: SavedWeight[];
}

async function readWeights(fs: FileSystem, path: Path, action: string): Promise<Content> {
  if (/\.safetensors$/.test(path instanceof URL ? path.pathname : path)) {
    const { tensors } = await readSafetensors(path, { fs });
    // A dtype that the model does not know is reported by name before its values are used.
    return { saved: tensors as SavedWeight[], hidden: [] };
  }
  const content = await readCheckpoint(fs, path, [MODEL_FILE, WEIGHTS_FILE]);
  return {
    header: content.model,
    saved: decodeWeights(content, action),
    hidden: decodeWeights(content.hidden, action),
  };
}

/** Read weights from bytes that may be split anywhere. */
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

/** A function that returns a copy of the next bytes. */
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
 * The saved state for the model's optimizer; undefined if there is none, or only one of another
 * class.
 *
 * @param weights the saved weights in the model's order
 * @throws RangeError if it does not match the trained weights of the model
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
    // In files of TensorFlow.js, and of keepfit before `optimizerState`, it is the first weight.
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

/** Index among the saved weights for each trained weight of the model; undefined if unknown. */
function trainedOrder(
  model: LayersModel,
  names: string[] | undefined,
  weights: SavedWeight[],
): number[] | undefined {
  if (names === undefined) return undefined;
  const positions = new Map(names.map((name, i) => [name, i]));
  const all = namesInFile(model);
  return trainedNamesInFile(model, "load weights").map((name) =>
    positions.get(weights[all.indexOf(name)]?.name) ?? -1
  );
}

/**
 * Lists with one value for each trained weight, in the model's order. Empty if nothing was saved.
 *
 * @param count number of consecutive lists
 * @param order indices in the saved lists; undefined to match by position, as TensorFlow.js does
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
  const expected = trained.length * count;
  if (saved.length === 0) return [];
  if (saved.length !== expected || order?.includes(-1)) {
    const actual = saved.length === expected ? "of other weights" : String(saved.length);
    throw new RangeError(
      `${action}: expected ${expected} ${what} for ${trained.length} trainable weights, ` +
        `got ${actual}; were other layers frozen when it was saved?`,
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
