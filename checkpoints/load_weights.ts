import type { DataType, TypedArray } from "@tensorflow/tfjs";
import type { HostWeight } from "../core/model.ts";
import { networkOf, type TrainableWeight, trainableWeights } from "../tfjs/compiled.ts";
import { getEngine } from "../tfjs/engine.ts";
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
import { readSafetensors } from "./safetensors.ts";
import type { FileSystem, Path } from "../runtime/types.ts";

/** What {@linkcode loadWeights} did. */
export interface LoadedWeights {
  /** True when the optimizer's state was restored too. */
  optimizer: boolean;
}

/**
 * Put saved weights into a model that exists, by name. The numbers that TensorFlow.js gives to
 * layers without a name count the layers of the process, so they need not be the same: such layers
 * are matched in their order.
 *
 * Where the checkpoint has the state of an optimizer and the model is compiled with one of the same
 * class, that is restored as well, so that training continues exactly (`tf.loadLayersModel` computes
 * Adam's powers of beta another way, off by a rounding, and has no state of Adamax). The learning
 * rate stays the model's. Nothing is changed when anything does not fit.
 *
 * @param model a built model; with an optimizer, compiled
 * @param path a checkpoint of {@linkcode saveCheckpoint} or `model.save`, of either form, or a file
 *   of {@linkcode saveSafetensors}, known by the end of its name
 * @returns whether the optimizer's state came with it
 * @throws FileSystemError `NotFound` when there is no checkpoint
 * @throws SyntaxError when it cannot be read
 * @throws RangeError when weights are missing, too many, of another shape or type, or truncated
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { loadWeights, memoryFileSystem, saveCheckpoint } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const build = () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
 * const fs = memoryFileSystem();
 * const [trained, fresh] = [build(), build()];
 * await saveCheckpoint(trained, "best", { fs, weightsOnly: true });
 * assert.deepEqual(await loadWeights(fresh, "best", { fs }), { optimizer: false });
 * assert.deepEqual(fresh.getWeights()[0].dataSync(), trained.getWeights()[0].dataSync());
 * ```
 */
export async function loadWeights(
  model: LayersModel,
  path: Path,
  { fs = getRuntime().fs }: CheckpointOptions = {},
): Promise<LoadedWeights> {
  const action = `Cannot load weights from ${showPath(path)}`;
  const content = await readWeights(fs, path, action);
  const weights = matchByName(
    model,
    content.saved.filter(({ group }) => group !== "optimizer"),
    action,
  );
  const state = savedState(model, content, weights, action);
  const engine = getEngine();
  const tensors = weights.map(({ values, shape, dtype }) =>
    engine.makeTensor(values as TypedArray, shape, dtype as DataType)
  );
  try {
    model.setWeights(tensors);
  } finally {
    for (const tensor of tensors) tensor.dispose();
  }
  if (state !== undefined) await setOptimizerState(model, state);
  return { optimizer: state !== undefined };
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

/** The saved weights in the model's order, each checked against the one it will replace. */
function matchByName(model: LayersModel, saved: SavedWeight[], action: string): SavedWeight[] {
  const wanted = model.weights;
  const names = wanted.map(({ originalName }) => originalName);
  const has = new Set(saved.map(({ name }) => name));
  const isSame = names.length === has.size && names.every((name) => has.has(name));
  const known = isSame ? names : inOrder(names);
  const given = isSame ? saved.map(({ name }) => name) : inOrder(saved.map(({ name }) => name));
  const byName = new Map(saved.map((weight, i) => [given[i], weight]));

  const missing = names.filter((_name, i) => !byName.has(known[i]));
  if (missing.length > 0) {
    const extra = saved.filter((_weight, i) => !known.includes(given[i])).map(({ name }) => name);
    throw new RangeError(
      `${action}: it has no '${missing.join("', '")}', which the model wants` +
        (extra.length > 0 ? `; the model does not know its '${extra.join("', '")}'` : ""),
    );
  }
  if (saved.length !== wanted.length) {
    const extra = saved.filter((_weight, i) => !known.includes(given[i])).map(({ name }) => name);
    throw new RangeError(
      `${action}: it has ${saved.length} weights, the model ${wanted.length}; ` +
        `too many are '${extra.join("', '")}'`,
    );
  }
  return wanted.map((weight, i) => {
    const match = byName.get(known[i])!;
    const shape = weight.shape as number[];
    if (String(match.shape) !== String(shape) || match.dtype !== weight.dtype) {
      throw new RangeError(
        `${action}: '${names[i]}' was saved as ${match.dtype}[${match.shape}], ` +
          `the model has ${weight.dtype}[${shape}]`,
      );
    }
    return match;
  });
}

/**
 * Names with the counters of unnamed layers (`dense_Dense7/kernel`) renumbered from 1, so that
 * they no longer depend on what else the process has built.
 */
function inOrder(names: string[]): string[] {
  const numbers = new Map<string, Map<string, number>>();
  return names.map((name) =>
    name.replace(/([a-z0-9_]+_[A-Z][A-Za-z0-9]*?)(\d+)(?=\/)/g, (_all, stem, number) => {
      const seen = numbers.get(stem) ?? new Map<string, number>();
      numbers.set(stem, seen);
      if (!seen.has(number)) seen.set(number, seen.size + 1);
      return `${stem}${seen.get(number)}`;
    })
  );
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
  const averages = hidden.filter(({ name }) => name.endsWith(AVERAGE));
  if (averages.length > 0) {
    const what = `moving averages of ${className}`;
    const [ordered] = perWeight(model, averages, 1, order, what, action);
    state.average = ordered.map(({ value }) => value);
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
  trainedWeights: string[] | undefined,
  weights: SavedWeight[],
): number[] | undefined {
  if (trainedWeights === undefined) return undefined;
  const places = new Map(trainedWeights.map((name, i) => [name, i]));
  const names = model.weights.map(({ originalName }) => originalName);
  return trainedBy(model).map(({ originalName }) =>
    places.get(weights[names.indexOf(originalName)]?.name) ?? -1
  );
}

function trainedBy(model: LayersModel): TrainableWeight[] {
  return trainableWeights(networkOf(model, "load weights"));
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
  const trained = trainedBy(model);
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
    trained.map((weight, i) => {
      const { shape } = weight.read();
      const value = saved[list * trained.length + (order?.[i] ?? i)];
      if (String(value.shape) !== String(shape)) {
        throw new RangeError(
          `${action}: expected shape [${shape}] of '${value.name}' among the ${what} for the weight ` +
            `'${weight.originalName}', got [${value.shape}]`,
        );
      }
      return named(value);
    }));
}

function named({ name, shape, dtype, values }: SavedWeight): NamedValue {
  return { name, value: { shape, dtype, values: values as HostWeight["values"] } };
}

function sizeOf(shape: number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
