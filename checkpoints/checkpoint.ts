import type { io, Tensor } from "@tensorflow/tfjs";
import { messageOf } from "../core/errors.ts";
import { namesInFile } from "../core/weight_names.ts";
import { trainingConfigOf } from "../tfjs/compiled.ts";
import { trainedNamesInFile } from "../tfjs/optimizer_names.ts";
import { type TakenState, takeOptimizerState } from "../tfjs/optimizer_state.ts";
import { optimizerClassOf } from "../tfjs/optimizers.ts";
import type { IOHandler, LayersModel } from "../tfjs/types.ts";
import {
  AVERAGE,
  MODEL_FILE,
  type OptimizerJson,
  readCheckpoint,
  removeFiles,
  WEIGHTS_FILE,
  type WeightSource,
  writeCheckpoint,
} from "./checkpoint_files.ts";
import { getRuntime } from "../runtime/mod.ts";
import { showPath } from "../runtime/paths.ts";
import type { FileSystem, Path } from "../runtime/types.ts";

/** Options of everything that reads or writes a checkpoint. */
export interface CheckpointOptions {
  /** Where the files are. Default: the runtime's own file system. */
  fs?: FileSystem;
}

/** Options of {@linkcode saveCheckpoint}. */
export interface SaveCheckpointOptions extends CheckpointOptions {
  /** Save the training configuration and the optimizer's state too. Default: true. */
  includeOptimizer?: boolean;
  /** Save the model's weights alone: no topology, no optimizer. Default: false. */
  weightsOnly?: boolean;
  /** Most bytes in one file of weights. Default: 4 MiB, what browsers like to cache. */
  maxShardBytes?: number;
  /** Put into `userDefinedMetadata`, over what the model has there. JSON. */
  metadata?: Record<string, unknown>;
  /** Called once the values are taken: training may go on while they are written. */
  onTaken?: () => void;
}

/**
 * Save a model so that `tf.loadLayersModel` can load it: through {@linkcode checkpointHandler}, by
 * HTTP from a server of static files, or with tfjs-node from `file://`.
 *
 * The checkpoint in `directory` is replaced at once: killed at any instant, it leaves the old one or
 * the new one, whole. What is saved is the model at the time of the call, also when training goes
 * on meanwhile. Weights are read one by one and never joined. Files that the present checkpoint
 * does not name are left alone.
 *
 * The optimizer's state is that of {@linkcode getOptimizerState}, of Adamax and with moving averages
 * too; {@linkcode loadWeights} restores all of it, `tf.loadLayersModel` what TensorFlow.js can: no
 * state of Adamax and no averages.
 *
 * Two warnings, once each: a loss or metric given as a function is saved without the training
 * configuration (compile after loading), and an optimizer of your own that has no `getWeights()`
 * without its state. Nothing is quantized.
 *
 * @param model a `tf.LayersModel`; a `tf.Sequential` is saved as one
 * @param directory made when it is missing
 * @throws RangeError for a `maxShardBytes` below 1
 * @throws TypeError when `model` is no layers model
 * @throws FileSystemError when a file cannot be written; the old checkpoint is still there
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
  // No await from here until all is cloned: no training step may come between.
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
    // The snapshots hold clones of their own, each until it is written.
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
 * A handler for `model.save(handler)` and `tf.loadLayersModel(handler)`. A save through it is as
 * safe as {@linkcode saveCheckpoint}, but holds all weights once more, because tfjs joins them
 * first. Loading accepts what any TensorFlow.js has saved as `model.json` and its weight files.
 *
 * @param directory the one that holds `model.json`
 * @throws FileSystemError `NotFound` (from `load`) when there is no `model.json`
 * @throws SyntaxError (from `load`) when it is no JSON, or has no weights manifest
 * @throws RangeError (from `load`) when a weight file is too short or too long
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
      // The bytes are not cut at the weights, which the format does not ask for.
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
 * Remove a checkpoint: the files that it names, and the directory when nothing else is in it. A
 * missing checkpoint is fine.
 *
 * @param directory the one that was given to {@linkcode saveCheckpoint}
 * @throws FileSystemError when a file cannot be removed
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

/** A weight or a slot as it is now, by the name that the file gives it. */
interface NamedWeight {
  name: string;
  /** A number stands for an int32 scalar. */
  value: Tensor | number;
  group?: "optimizer";
}

function modelWeights(model: LayersModel): NamedWeight[] {
  const values = model.getWeights();
  return namesInFile(model).map((name, i) => ({ name, value: values[i] }));
}

/** The optimizer's state at one instant; undefined when the optimizer has none to give. */
async function optimizerState(model: LayersModel): Promise<TakenState | undefined> {
  for (;;) {
    const state = await takeOptimizerState(model);
    const isSteady = (model.optimizer.iterations ?? 0) === state.iterations;
    if (isSteady && (state.weights !== undefined || optimizerClassOf(model.optimizer))) {
      return state;
    }
    state.dispose();
    if (isSteady) return undefined;
  }
}

/** What TensorFlow.js loads of the state: its counter and the slots, in one list. */
function visibleState(model: LayersModel, state: TakenState | undefined): NamedWeight[] {
  if (state === undefined) return [];
  const isLoaded = optimizerClassOf(model.optimizer)?.isLoadedByTfjs;
  const counter = isLoaded ? [{ name: "iter", value: state.iterations }] : [];
  const slots = isLoaded ? slotsOf(state) : weightsOf(state.weights);
  return [...counter, ...slots].map((weight) => ({ ...weight, group: "optimizer" }));
}

/** What TensorFlow.js would refuse: slots of an optimizer without `setWeights()`, and averages. */
function hiddenState(model: LayersModel, state: TakenState | undefined): NamedWeight[] {
  if (state === undefined) return [];
  const isLoaded = optimizerClassOf(model.optimizer)?.isLoadedByTfjs ?? true;
  const averages = state.average ?? [];
  return [
    ...(isLoaded ? [] : slotsOf(state)),
    ...averages.map(({ tensor }, i) => ({ name: `${i}${AVERAGE}`, value: tensor })),
  ];
}

function slotsOf({ slots }: TakenState): NamedWeight[] {
  return Object.values(slots).flatMap(weightsOf);
}

function weightsOf(named: TakenState["weights"] = []): NamedWeight[] {
  return named.map(({ name, tensor }) => ({ name, value: tensor }));
}

async function optimizerJson(model: LayersModel, state: TakenState): Promise<OptimizerJson> {
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

/** Keep a weight as it is now. A clone shares the values until training makes new ones. */
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
    // Once: what another library has in its place may count its owners.
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

/** On the cpu backend these are the live values: to be read only. */
function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function lengthOf(text: Uint8Array): Uint8Array {
  return new Uint8Array(new Uint32Array([text.length]).buffer);
}

/** The training configuration; undefined, and said once, when TensorFlow.js cannot write it. */
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

/** A run saves many times. */
function warnOnce(model: LayersModel, message: string): void {
  const before = warned.get(model) ?? new Set();
  if (before.has(message)) return;
  warned.set(model, before.add(message));
  console.warn(`keepfit: ${model.name}: ${message}`);
}
