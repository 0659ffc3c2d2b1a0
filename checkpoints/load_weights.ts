import type { io, LayersModel, Optimizer, Tensor } from "@tensorflow/tfjs";
import type { CheckpointOptions } from "./checkpoint.ts";
import { MODEL_FILE, type ModelJson, readCheckpoint, WEIGHTS_FILE } from "./checkpoint_files.ts";
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
 * class, that is restored as well, so that training goes on exactly (`tf.loadLayersModel` gives
 * Adam's powers of beta anew, off by a rounding). The learning rate stays the model's. Nothing is
 * changed when anything does not fit.
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
  const { header, saved } = await readWeights(fs, path, action);
  const weights = matchByName(model, saved.filter(({ group }) => group !== "optimizer"), action);
  const state = saved.filter(({ group }) => group === "optimizer");
  const config = header?.trainingConfig?.optimizer_config as { class_name?: string } | undefined;
  const className = config?.class_name ?? header?.optimizerClass;
  const optimizer = state.length > 0 && className === model.optimizer?.getClassName();
  if (optimizer) checkState(model, state, action);
  if (weights.length > 0) {
    const makeTensor = await tensorMaker(model.getWeights());
    const tensors = weights.map(makeTensor);
    model.setWeights(tensors);
    for (const tensor of tensors) tensor.dispose();
    if (optimizer) await restoreState(model.optimizer, state, makeTensor);
  }
  return { optimizer };
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

async function readWeights(
  fs: FileSystem,
  path: Path,
  action: string,
): Promise<{ header?: ModelJson; saved: SavedWeight[] }> {
  if (/\.safetensors$/.test(path instanceof URL ? path.pathname : path)) {
    const { tensors } = await readSafetensors(path, { fs });
    // A dtype that the model does not have is told by its name, before the values are used.
    return { saved: tensors as SavedWeight[] };
  }
  const { model, specs, shards } = await readCheckpoint(fs, path, [MODEL_FILE, WEIGHTS_FILE]);
  return { header: model, saved: decodeWeights(specs, shards, action) };
}

/** Read the weights out of bytes that may be cut anywhere. */
function decodeWeights(
  specs: io.WeightsManifestEntry[],
  shards: ArrayBuffer[],
  action: string,
): SavedWeight[] {
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
 * Names with the counters of unnamed layers (`dense_Dense7/kernel`) counted anew from 1, so that
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

type MakeTensor = (weight: Pick<SavedWeight, "shape" | "dtype" | "values">) => Tensor;

/** Make tensors with the TensorFlow.js of the model, which is reached through a tensor's buffer. */
async function tensorMaker(weights: Tensor[]): Promise<MakeTensor> {
  // Reading the buffer downloads the tensor, so the smallest one serves.
  const smallest = weights.reduce((a, b) => (b.size < a.size ? b : a));
  const buffer = await smallest.buffer();
  const TensorBuffer = buffer.constructor as new (
    shape: number[],
    dtype: string,
    values: Values,
  ) => { toTensor(): Tensor };
  return ({ shape, dtype, values }) => new TensorBuffer(shape, dtype, values).toTensor();
}

/** Slots for each trainable weight; the counter comes on top. */
function slotsPerWeight(optimizer: Optimizer): number {
  const counts: Record<string, number> = { Adadelta: 2, Adagrad: 1, Adam: 2, Momentum: 1, SGD: 0 };
  const { centered } = optimizer as unknown as { centered?: boolean };
  return counts[optimizer.getClassName()] ?? (centered ? 3 : 2);
}

/** TensorFlow.js finds slots by their position among the trainable weights, and checks nothing. */
function checkState(model: LayersModel, [iter, ...slots]: SavedWeight[], action: string): void {
  const name = model.optimizer.getClassName();
  const trainable = model.trainableWeights;
  const wanted = trainable.length * slotsPerWeight(model.optimizer);
  if (iter.values.length !== 1 || (slots.length !== 0 && slots.length !== wanted)) {
    throw new RangeError(
      `${action}: the state of ${name} has ${slots.length} slots, the model wants ${wanted} ` +
        `(for ${trainable.length} trainable weights; were others frozen when it was saved?)`,
    );
  }
  for (const [i, slot] of slots.entries()) {
    const { shape, originalName } = trainable[i % trainable.length];
    if (String(slot.shape) !== String(shape)) {
      throw new RangeError(
        `${action}: slot '${slot.name}' of ${name} has shape [${slot.shape}], ` +
          `the weight '${originalName}' has [${shape}]`,
      );
    }
  }
}

async function restoreState(
  optimizer: Optimizer,
  state: SavedWeight[],
  makeTensor: MakeTensor,
): Promise<void> {
  // The first is a new tensor, the others are the slots themselves: setWeights forgets them all.
  const before = await optimizer.getWeights();
  const tensors = state.map((weight) => ({ name: weight.name, tensor: makeTensor(weight) }));
  await optimizer.setWeights(tensors);
  for (const { tensor } of [...before, ...tensors]) tensor.dispose();
  restorePowers(optimizer, makeTensor);
}

/**
 * Adam's powers of beta as its steps have made them, one float32 product at a time; setWeights uses
 * `pow`, which rounds otherwise.
 */
function restorePowers(optimizer: Optimizer, makeTensor: MakeTensor): void {
  const adam = optimizer as unknown as Record<string, unknown>;
  for (const [beta, accumulated] of [["beta1", "accBeta1"], ["beta2", "accBeta2"]]) {
    const variable = adam[accumulated] as { assign(tensor: Tensor): void } | undefined;
    if (optimizer.getClassName() !== "Adam" || variable === undefined) continue;
    const factor = Math.fround(adam[beta] as number);
    let power = factor;
    for (let step = 0, last = NaN; step < optimizer.iterations && power !== last; step++) {
      last = power;
      power = Math.fround(power * factor);
    }
    const tensor = makeTensor({ shape: [], dtype: "float32", values: new Float32Array([power]) });
    variable.assign(tensor);
    tensor.dispose();
  }
}

function sizeOf(shape: number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
