import type { io, Tensor } from "@tensorflow/tfjs";
import { messageOf } from "../core/errors.ts";
import { namesInFile } from "../core/weight_names.ts";
import { getRuntime } from "../runtime/mod.ts";
import { showPath } from "../runtime/paths.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { trainedNamesInFile } from "../tfjs/optimizer_names.ts";
import { type OptimizerSnapshot, snapshotOptimizerState } from "../tfjs/optimizer_snapshot.ts";
import { optimizerClassOf } from "../tfjs/optimizers.ts";
import { trainingConfigOf } from "../tfjs/training_config.ts";
import type { IOHandler, LayersModel } from "../tfjs/types.ts";
import { readCheckpoint, removeFiles, writeCheckpoint } from "./checkpoint_files.ts";
import { AVERAGE, MODEL_FILE, type OptimizerJson, WEIGHTS_FILE } from "./manifest.ts";
import type { WeightSource } from "./write_shards.ts";

/** Options of functions that read or write checkpoints. */
export interface CheckpointOptions {
  /** File system. Default: that of the runtime. */
  fs?: FileSystem;
}

/** Options of {@linkcode saveCheckpoint}. */
export interface SaveCheckpointOptions extends CheckpointOptions {
  /** Whether to save the training configuration and the optimizer's state. Default: true. */
  includeOptimizer?: boolean;
  /** Whether to save only the weights: no topology, no optimizer. Default: false. */
  weightsOnly?: boolean;
  /** Maximum size of a weight file in bytes. Default: 4 MiB, which browsers cache well. */
  maxShardBytes?: number;
  /** JSON merged into `userDefinedMetadata` of the model. Default: none. */
  metadata?: Record<string, unknown>;
  /** Called when all values are copied; training may then continue while they are written. */
  onTaken?: () => void;
}

/**
 * Save a model so that `tf.loadLayersModel` can load it: through {@linkcode checkpointHandler},
 * over HTTP from a static file server, or with tfjs-node from `file://`.
 *
 * The checkpoint in `directory` is replaced atomically: if the process is killed, either the old or
 * the new checkpoint is complete. The model is saved as it is at the time of the call, even if
 * training continues meanwhile. Weights are read while files are written, with the contents of at
 * most three files in memory. Files that do not belong to the current checkpoint are kept.
 * `model.json` contains CRC-32C checksums of each weight file and of itself, which TensorFlow.js
 * ignores and keepfit verifies.
 *
 * The optimizer's state is that of {@linkcode getOptimizerState}, including Adamax and moving
 * averages. {@linkcode loadWeights} restores all of it; `tf.loadLayersModel` restores what
 * TensorFlow.js supports, without the state of Adamax and without averages.
 *
 * A model with a custom loss or metric function is saved without its training configuration:
 * compile it after loading. A custom optimizer without `getWeights()` is saved without its state.
 * Both cases print a warning once. Weights are not quantized.
 *
 * @param model a `tf.LayersModel`; a `tf.Sequential` is saved as one
 * @param directory directory of the checkpoint; created if missing
 * @throws RangeError for a `maxShardBytes` below 1
 * @throws TypeError if `model` is not a layers model
 * @throws FileSystemError if a file cannot be written; the old checkpoint stays intact
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { checkpointHandler, memoryFileSystem, saveCheckpoint } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
 * await saveCheckpoint(model, "runs/best", { fs });
 * const loaded = await tf.loadLayersModel(checkpointHandler("runs/best", { fs }));
 * assert.deepEqual(loaded.getWeights()[0].dataSync(), model.getWeights()[0].dataSync());
 * ```
 */
export async function saveCheckpoint(
  model: LayersModel,
  directory: Path,
  options: SaveCheckpointOptions = {},
): Promise<void> {
  const { fs = getRuntime().fs, weightsOnly = false, metadata } = options;
  const { includeOptimizer = true, maxShardBytes = 4 * 2 ** 20 } = options;
  if (!(maxShardBytes >= 1)) {
    throw new RangeError(
      `Cannot save a checkpoint with maxShardBytes ${maxShardBytes}: it must be >= 1`,
    );
  }
  if (typeof model?.toJSON !== "function" || typeof model.getWeights !== "function") {
    throw new TypeError("Cannot save a checkpoint: the model must be a tf.LayersModel");
  }
  const withOptimizer = includeOptimizer && !weightsOnly && model.optimizer != null;
  const state = withOptimizer ? await optimizerState(model) : undefined;
  // No await until everything is cloned, so that no training step can intervene.
  const weights = [...modelWeights(model), ...visibleState(model, state)].map(snapshot);
  const hidden = hiddenState(model, state).map(snapshot);
  try {
    const known = model.getUserDefinedMetadata() as Record<string, unknown> | undefined;
    const header = weightsOnly ? undefined : {
      modelTopology: model.toJSON(null, false),
      format: "layers-model",
      generatedBy: "keepfit",
      convertedBy: null,
      trainingConfig: withOptimizer ? savedTrainingConfig(model) : undefined,
      userDefinedMetadata: known || metadata ? { ...known, ...metadata } : undefined,
    };
    options.onTaken?.();
    const optimizer = state && await optimizerJson(model, state);
    // Each snapshot holds its own clone until it is written.
    state?.dispose();
    await writeCheckpoint(fs, directory, {
      file: weightsOnly ? WEIGHTS_FILE : MODEL_FILE,
      weights,
      hidden,
      maxShardBytes: Math.floor(maxShardBytes),
      content: (weightsManifest, hiddenManifest) => {
        if (header === undefined) return weightsManifest;
        const optimizerState = optimizer && { ...optimizer, weightsManifest: hiddenManifest };
        return { ...header, optimizerState, weightsManifest };
      },
    });
  } finally {
    for (const weight of [...weights, ...hidden]) weight.dispose();
    state?.dispose();
  }
}

/**
 * A handler for `model.save(handler)` and `tf.loadLayersModel(handler)`. Saving is as safe as
 * {@linkcode saveCheckpoint}, but needs memory for a second copy of all weights, because tfjs joins
 * them first. Loading accepts whatever TensorFlow.js has saved as `model.json` with weight files.
 *
 * @param directory directory of `model.json`
 * @throws FileSystemError `NotFound` (from `load`) for a missing `model.json`
 * @throws SyntaxError (from `load`) for invalid JSON, a missing weights manifest or a damaged file
 * @throws RangeError (from `load`) if a weight file is too short or too long
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { checkpointHandler, memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const handler = checkpointHandler("model", { fs: memoryFileSystem() });
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
 * await model.save(handler);
 * const loaded = await tf.loadLayersModel(handler);
 * assert.equal(loaded.countParams(), 3);
 * ```
 */
export function checkpointHandler(
  directory: Path,
  { fs = getRuntime().fs }: CheckpointOptions = {},
): Required<IOHandler> {
  return {
    async save({ weightData = [], weightSpecs = [], ...header }) {
      if (header.modelTopology instanceof ArrayBuffer) {
        throw new TypeError(
          `Cannot save a checkpoint to ${showPath(directory)}: its topology must be JSON`,
        );
      }
      const shards = Array.isArray(weightData) ? weightData : [weightData];
      // Shards may end within a weight, which the format allows.
      const weights: WeightSource[] = weightSpecs.map((spec, i) => ({
        spec,
        read: async () => i === 0 ? shards.map((shard) => new Uint8Array(shard)) : [],
      }));
      const { bytes, text } = await writeCheckpoint(fs, directory, {
        file: MODEL_FILE,
        weights,
        maxShardBytes: 4 * 2 ** 20,
        content: (weightsManifest) => ({ ...header, weightsManifest }),
      });
      return {
        modelArtifactsInfo: {
          dateSaved: new Date(),
          modelTopologyType: "JSON",
          modelTopologyBytes: text.length,
          weightDataBytes: bytes,
        },
      };
    },
    async load() {
      const { model, specs, shards } = await readCheckpoint(fs, directory, [MODEL_FILE]);
      const { weightsManifest: _manifest, ...header } = { ...model };
      return { ...header, weightSpecs: specs, weightData: shards } as io.ModelArtifacts;
    },
  };
}

/**
 * Remove a checkpoint: its files, and the directory if it is then empty. A missing checkpoint is
 * not an error.
 *
 * @param directory the directory passed to {@linkcode saveCheckpoint}
 * @throws FileSystemError if a file cannot be removed
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { exists, memoryFileSystem, removeCheckpoint, saveCheckpoint } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
 * await saveCheckpoint(model, "runs/1", { fs });
 * await removeCheckpoint("runs/1", { fs });
 * assert.equal(await exists("runs/1", { fs }), false);
 * ```
 */
export async function removeCheckpoint(
  directory: Path,
  { fs = getRuntime().fs }: CheckpointOptions = {},
): Promise<void> {
  await removeFiles(fs, directory);
}

/** Current value of a weight or slot, by its name in the file. */
interface NamedWeight {
  name: string;
  /** A number is written as an int32 scalar. */
  value: Tensor | number;
  group?: "optimizer";
}

function modelWeights(model: LayersModel): NamedWeight[] {
  const values = model.getWeights();
  return namesInFile(model).map((name, i) => ({ name, value: values[i] }));
}

/** A snapshot of the optimizer's state; undefined if it has none. */
async function optimizerState(model: LayersModel): Promise<OptimizerSnapshot | undefined> {
  for (;;) {
    const state = await snapshotOptimizerState(model);
    const isSteady = (model.optimizer.iterations ?? 0) === state.iterations;
    if (isSteady && (state.weights !== undefined || optimizerClassOf(model.optimizer))) {
      return state;
    }
    state.dispose();
    if (isSteady) return undefined;
  }
}

/** The state that TensorFlow.js loads: its counter and the slots, in one list. */
function visibleState(model: LayersModel, state: OptimizerSnapshot | undefined): NamedWeight[] {
  if (state === undefined) return [];
  const isLoaded = optimizerClassOf(model.optimizer)?.isLoadedByTfjs;
  const counter = isLoaded ? [{ name: "iter", value: state.iterations }] : [];
  const slots = isLoaded ? slotsOf(state) : weightsOf(state.weights);
  return [...counter, ...slots].map((weight) => ({ ...weight, group: "optimizer" }));
}

/**
 * The state that TensorFlow.js would reject: the slots of an optimizer without `setWeights()`, and
 * moving averages.
 */
function hiddenState(model: LayersModel, state: OptimizerSnapshot | undefined): NamedWeight[] {
  if (state === undefined) return [];
  const isLoaded = optimizerClassOf(model.optimizer)?.isLoadedByTfjs ?? true;
  const averages = state.average ?? [];
  return [
    ...(isLoaded ? [] : slotsOf(state)),
    ...averages.map(({ tensor }, i) => ({ name: `${i}${AVERAGE}`, value: tensor })),
  ];
}

function slotsOf({ slots }: OptimizerSnapshot): NamedWeight[] {
  return Object.values(slots).flatMap(weightsOf);
}

function weightsOf(named: OptimizerSnapshot["weights"] = []): NamedWeight[] {
  return named.map(({ name, tensor }) => ({ name, value: tensor }));
}

async function optimizerJson(model: LayersModel, state: OptimizerSnapshot): Promise<OptimizerJson> {
  const { className, iterations, variables } = state;
  const trained = trainedNamesInFile(model, "save a checkpoint");
  const isOfModel = Object.values(state.slots).every((slots) => slots.length === trained.length);
  const scalars: OptimizerJson["scalars"] = {};
  for (const [field, scalar] of Object.entries(state.scalars)) {
    [scalars[field]] = await scalar.data();
  }
  return {
    className,
    iterations,
    trainedWeights: isOfModel ? trained : undefined,
    variables,
    scalars,
  };
}

/** Keep the current value of a weight. A clone shares it until training replaces it. */
function snapshot({ name, value, group }: NamedWeight): WeightSource & { dispose(): void } {
  const placed = group === undefined ? {} : { group };
  if (typeof value === "number") {
    return {
      spec: { name, shape: [], dtype: "int32", ...placed },
      read: async () => [new Uint8Array(new Int32Array([value]).buffer)],
      dispose() {},
    };
  }
  const clone = value.clone();
  let isOpen = true;
  const dispose = () => {
    // Disposed only once, because tensors of other libraries may count their owners.
    if (isOpen) clone.dispose();
    isOpen = false;
  };
  return {
    spec: { name, shape: clone.shape, dtype: clone.dtype as "float32", ...placed },
    async read() {
      const parts = clone.dtype === "string"
        ? (await clone.bytes() as Uint8Array[]).flatMap((text) => [lengthOf(text), text])
        : [bytesOf(await clone.data())];
      dispose();
      return parts;
    },
    dispose,
  };
}

/** The bytes of values. On the cpu backend they are the live values, so do not change them. */
function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function lengthOf(text: Uint8Array): Uint8Array {
  return new Uint8Array(new Uint32Array([text.length]).buffer);
}

/** The training configuration; undefined, with a warning, if TensorFlow.js cannot serialize it. */
function savedTrainingConfig(model: LayersModel): io.TrainingConfig | undefined {
  try {
    return trainingConfigOf(model);
  } catch (error) {
    warnOnce(
      model,
      `the training configuration is left out of checkpoints: ${messageOf(error)}; ` +
        "call model.compile() after loading",
    );
  }
}

const warned = new WeakMap<object, Set<string>>();

/** Print a warning once per model, because a run saves many times. */
function warnOnce(model: LayersModel, message: string): void {
  const before = warned.get(model) ?? new Set();
  if (before.has(message)) return;
  warned.set(model, before.add(message));
  console.warn(`keepfit: ${model.name}: ${message}`);
}
