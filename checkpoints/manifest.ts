import type { io } from "@tensorflow/tfjs";
import { crc32c } from "../tensorboard/crc.ts";
import type { WeightsGroup } from "./read_shards.ts";

/** File with topology, training configuration and weights manifest. */
export const MODEL_FILE = "model.json";
/** File with the weights manifest of a checkpoint without topology. */
export const WEIGHTS_FILE = "weights_manifest.json";

/** Suffix of a moving average's name among the weights hidden from TensorFlow.js. */
export const AVERAGE = "/average";

/** Content of a `model.json`. */
export interface ModelJson extends Record<string, unknown> {
  /** CRC-32C of the rest as compact JSON. An extension: TensorFlow.js neither writes nor reads it. */
  crc32c?: number;
  modelTopology?: unknown;
  trainingConfig?: io.TrainingConfig;
  weightsManifest: WeightsGroup[];
  /** State of the optimizer that is not among the weights. An extension, like `bytes`. */
  optimizerState?: OptimizerJson;
  /**
   * Class of the optimizer with its state among the weights; only in files without
   * `optimizerState`.
   */
  optimizerClass?: string;
}

/** State of an optimizer beyond what TensorFlow.js reads from the weights. */
export interface OptimizerJson {
  className: string;
  iterations: number;
  /** Names of the trained weights, in the order of the slots and averages. */
  trainedWeights?: string[];
  /** Names of the variables of the trained weights, for custom optimizers. */
  variables?: string[];
  /** Scalars that change with each update. */
  scalars: Record<string, number>;
  /** Slots that TensorFlow.js cannot load, and moving averages. */
  weightsManifest?: WeightsGroup[];
}

/**
 * An object as JSON with its checksum as the last key. A list is not changed: its form is fixed.
 */
export function withChecksum(content: unknown): string {
  const text = JSON.stringify(content);
  return Array.isArray(content) ? text : `${text.slice(0, -1)},"crc32c":${checksumOf(text)}}`;
}

function checksumOf(text: string): number {
  return crc32c(new TextEncoder().encode(text));
}

/**
 * Read the manifest of a checkpoint.
 *
 * @param text content of its file
 * @param path of the file, for messages
 * @throws SyntaxError if the text is not JSON, has no manifest, or its checksum is wrong
 * @throws RangeError if it lists a file outside its folder
 */
export function parseManifest(
  text: string,
  path: string,
): { manifest: WeightsGroup[]; hidden: WeightsGroup[]; model: ModelJson | undefined } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError(`Cannot load ${path}: it is not JSON (${(cause as Error).message})`, {
      cause,
    });
  }
  const { crc32c: checksum, ...content } = (json ?? {}) as Partial<ModelJson>;
  const model = Array.isArray(json) ? undefined : content as ModelJson;
  if (checksum !== undefined && checksum !== checksumOf(JSON.stringify(content))) {
    throw new SyntaxError(
      `Cannot load ${path}: its checksum is wrong, so it is damaged; if you have edited it, remove ` +
        `its crc32c`,
    );
  }
  const manifest = model === undefined ? json : model.weightsManifest;
  if (!Array.isArray(manifest) || !manifest.every(isGroup)) {
    throw new SyntaxError(
      `Cannot load ${path}: it has no weights manifest (a list of groups of paths and weights)`,
    );
  }
  const hidden = model?.optimizerState?.weightsManifest ?? [];
  if (!Array.isArray(hidden) || !hidden.every(isGroup)) {
    throw new SyntaxError(
      `Cannot load ${path}: the weights manifest of its optimizerState is not a list of groups of ` +
        "paths and weights",
    );
  }
  const outside = [...manifest, ...hidden].flatMap(({ paths }) => paths).find(leadsOut);
  if (outside !== undefined) {
    throw new RangeError(
      `Cannot load ${path}: it lists ${JSON.stringify(outside)}; expected files in its own folder`,
    );
  }
  return { manifest, hidden, model };
}

/** Whether a path may point outside the folder: absolute, with a drive, or with `..`. */
function leadsOut(path: string): boolean {
  return /^\/|^[A-Za-z]:|[\\\0]/.test(path) || path.split("/").includes("..");
}

function isGroup(group: unknown): group is WeightsGroup {
  const { paths, weights } = (group ?? {}) as Partial<WeightsGroup>;
  return Array.isArray(paths) && paths.every((path) => typeof path === "string") &&
    Array.isArray(weights) &&
    weights.every(({ name, shape }) => typeof name === "string" && Array.isArray(shape));
}
