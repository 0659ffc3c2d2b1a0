import type { io } from "@tensorflow/tfjs";
import { FileSystemError, joinPath, sweep } from "../runtime/mod.ts";
import { showPath } from "../runtime/paths.ts";
import { isAbandoned } from "../runtime/temporary_files.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { type AddFile, writeTogether } from "../runtime/write_files.ts";
import { crc32c } from "../tensorboard/crc.ts";
import { readShards, type WeightsContent, type WeightsGroup } from "./read_shards.ts";

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

/** A weight to write: its manifest entry, and a function that reads its bytes. */
export interface WeightSource {
  spec: io.WeightsManifestEntry;
  read(): Promise<Uint8Array[]>;
}

/** Content of a checkpoint. */
export interface NewCheckpoint {
  file: typeof MODEL_FILE | typeof WEIGHTS_FILE;
  /** Weights to write. Their specs are complete only after all weights are read. */
  weights: WeightSource[];
  /** Weights hidden from TensorFlow.js; `content` includes their manifest. Default: none. */
  hidden?: WeightSource[];
  maxShardBytes: number;
  /** Create the content of `file` from the manifests. */
  content(manifest: WeightsGroup[], hidden: WeightsGroup[] | undefined): unknown;
}

/**
 * Replace the checkpoint in `directory` atomically: write shards under new names, then the file
 * that lists them, then remove the shards that only the old file listed.
 */
export async function writeCheckpoint(
  fs: FileSystem,
  directory: Path,
  { file, weights, hidden = [], maxShardBytes, content }: NewCheckpoint,
): Promise<{ bytes: number; text: string }> {
  await fs.makeDir(directory);
  const group = groupOf(weights);
  const hiddenGroup = groupOf(hidden);
  const written = () => [...group.paths, ...hiddenGroup.paths];
  const replaced = filesIn(fs, directory, file);
  let text = "";
  try {
    await writeTogether(fs, joinPath(directory, file), async (add) => {
      await writeShards(add, directory, weights, maxShardBytes, group);
      await writeShards(add, directory, hidden, maxShardBytes, hiddenGroup);
      text = withChecksum(content([group], hidden.length > 0 ? [hiddenGroup] : undefined));
      // The old file must be read before it is replaced.
      await replaced;
      return text;
    });
  } catch (error) {
    await removeQuietly(fs, directory, written());
    throw error;
  } finally {
    for (const name of written()) inUse.delete(name);
  }
  if (finished.size > maxFinished) finished.clear();
  for (const name of written()) finished.set(name, file);
  const { named, others } = await replaced;
  const isNew = new Set(written());
  await removeQuietly(fs, directory, named.filter((name) => !isNew.has(name)));
  // Rarely there is anything else of ours.
  if (others.some((name) => !isNew.has(name))) await removeStrays(fs, directory);
  return { bytes: group.bytes.reduce((sum, size) => sum + size, 0), text };
}

function groupOf(weights: WeightSource[]): Required<WeightsGroup> {
  return { paths: [], weights: weights.map(({ spec }) => spec), bytes: [], crc32c: [] };
}

/**
 * An object as JSON with its checksum as the last key. A list is not changed: its form is fixed.
 */
function withChecksum(content: unknown): string {
  const text = JSON.stringify(content);
  return Array.isArray(content) ? text : `${text.slice(0, -1)},"crc32c":${checksumOf(text)}}`;
}

function checksumOf(text: string): number {
  return crc32c(new TextEncoder().encode(text));
}

/** Shards that this process is writing, which no file names yet. */
const inUse = new Set<string>();

/** Shards that this process has written, and the name of the file that names each. */
const finished = new Map<string, string>();

/** Number of shards to remember; it then reads the file that names them. */
const maxFinished = 1000;

/** Number of shards whose bytes may wait to be written. */
const maxWaiting = 2;

/** Split all bytes into files of at most `maxShardBytes`; a weight may continue in the next file. */
async function writeShards(
  add: AddFile,
  directory: Path,
  weights: WeightSource[],
  maxShardBytes: number,
  group: Required<WeightsGroup>,
): Promise<void> {
  const save = crypto.randomUUID().slice(0, 13);
  // A shard is read and its checksum computed while those before it are written.
  const waiting: Promise<void>[] = [];
  try {
    for await (const parts of shardsOf(weights, maxShardBytes)) {
      const name = `weights-${save}-${group.paths.length + 1}.bin`;
      inUse.add(name);
      group.paths.push(name);
      group.bytes.push(parts.reduce((sum, part) => sum + part.length, 0));
      group.crc32c.push(parts.reduce((sum, part) => crc32c(part, 0, part.length, sum), 0));
      const added = add(joinPath(directory, name), parts);
      // Its error is thrown when it is awaited.
      added.catch(() => {});
      waiting.push(added);
      if (waiting.length >= maxWaiting) await waiting.shift();
    }
    await Promise.all(waiting);
  } finally {
    await Promise.allSettled(waiting);
  }
}

/** The parts of each shard. */
async function* shardsOf(
  weights: WeightSource[],
  maxShardBytes: number,
): AsyncGenerator<Uint8Array[]> {
  let parts: Uint8Array[] = [];
  let room = maxShardBytes;
  for (const weight of weights) {
    for (let rest of await weight.read()) {
      while (rest.length > 0) {
        const part = rest.subarray(0, room);
        parts.push(part);
        room -= part.length;
        rest = rest.subarray(part.length);
        if (room > 0) continue;
        yield parts;
        [parts, room] = [[], maxShardBytes];
      }
    }
  }
  if (parts.length > 0) yield parts;
}

/** Files in the directory of a checkpoint that is about to be replaced. */
interface FilesBefore {
  /** Shards that the checkpoint names. */
  named: string[];
  /** Other shards, and files that a killed process has left. */
  others: string[];
}

async function filesIn(fs: FileSystem, directory: Path, file: string): Promise<FilesBefore> {
  const names = (await fs.readDir(directory).catch(() => [])).map(({ name }) => name);
  const abandoned = names.filter(isAbandoned);
  const shards = names.filter((name) => isShard(name) && !inUse.has(name));
  const foreign = names.filter((name) =>
    !isShard(name) && !name.startsWith(".") && !name.endsWith(".json")
  );
  if (shards.length + foreign.length === 0) return { named: [], others: abandoned };
  if (foreign.length === 0 && shards.every((name) => finished.get(name) === file)) {
    return { named: shards, others: abandoned };
  }
  const text = await fs.readTextFile(joinPath(directory, file)).catch(() => "");
  const others = [...shards.filter((name) => !text.includes(name)), ...abandoned];
  // Any other name may also stand elsewhere in the file.
  const named = foreign.some((name) => text.includes(JSON.stringify(name)))
    ? shardsNamedIn(text, file)
    : shards.filter((name) => text.includes(name));
  return { named, others };
}

function isShard(name: string): boolean {
  return /^weights-[0-9a-f]{8}-[0-9a-f]{4}-\d+\.bin$/.test(name);
}

/** Shards listed by the current checkpoint; empty if it is missing or unreadable. */
async function namedShards(fs: FileSystem, directory: Path, file: string): Promise<string[]> {
  const text = await fs.readTextFile(joinPath(directory, file)).catch(() => "");
  return shardsNamedIn(text, file);
}

function shardsNamedIn(text: string, file: string): string[] {
  try {
    const { manifest, hidden } = parseManifest(text, file);
    // A name with a slash or dots may point outside the directory. A manifest is not a shard.
    return [...manifest, ...hidden].flatMap(({ paths }) => paths)
      .filter((name) => /^[^/\\.][^/\\]*$/.test(name) && !name.endsWith(".json"));
  } catch {
    return [];
  }
}

/** Remove shards that no file lists, left by processes that were killed while saving. */
async function removeStrays(fs: FileSystem, directory: Path): Promise<void> {
  await sweep(directory, { fs });
  const names = (await fs.readDir(directory).catch(() => [])).map(({ name }) => name);
  const shards = names.filter((name) => isShard(name) && !inUse.has(name));
  if (shards.length === 0) return;
  const named = new Set<string>();
  for (const file of names.filter((name) => name.endsWith(".json"))) {
    const text = await fs.readTextFile(joinPath(directory, file)).catch(() => "");
    for (const name of shards) if (text.includes(name)) named.add(name);
  }
  await removeQuietly(fs, directory, shards.filter((name) => !named.has(name)));
}

/** Remove files and ignore errors, because leftover files are harmless. */
async function removeQuietly(fs: FileSystem, directory: Path, names: string[]): Promise<void> {
  await Promise.all(names.map((name) => fs.remove(joinPath(directory, name)).catch(() => {})));
}

/**
 * Remove the checkpoints in `directory`, and the directory if it is then empty. The file that lists
 * the others is removed first, so that a killed process leaves no checkpoint that looks complete.
 */
export async function removeFiles(fs: FileSystem, directory: Path): Promise<void> {
  for (const file of [MODEL_FILE, WEIGHTS_FILE]) {
    const shards = await namedShards(fs, directory, file);
    await fs.remove(joinPath(directory, file));
    for (const name of shards) await fs.remove(joinPath(directory, name));
  }
  await removeStrays(fs, directory);
  try {
    await fs.remove(directory);
  } catch (error) {
    if (!(error instanceof FileSystemError && error.code === "NotEmpty")) throw error;
  }
}

/** A checkpoint read from files. */
export interface CheckpointContent extends WeightsContent {
  /** Content of `model.json`; undefined for a checkpoint without topology. */
  model: ModelJson | undefined;
  /** Weights hidden from TensorFlow.js. */
  hidden: WeightsContent;
}

/**
 * Read the checkpoint in `directory`, trying `files` in order.
 *
 * @param readsHidden whether to read the weights hidden from TensorFlow.js
 * @throws FileSystemError `NotFound` if none of them exists, or if a shard is missing
 * @throws SyntaxError if the file is not JSON, has no manifest, or a checksum is wrong
 * @throws RangeError if a shard does not have the size in the manifest
 */
export async function readCheckpoint(
  fs: FileSystem,
  directory: Path,
  files: string[],
  readsHidden = true,
): Promise<CheckpointContent> {
  for (let last: string | undefined;;) {
    const { file, text } = await readFirst(fs, directory, files);
    const { manifest, hidden, model } = parseManifest(text, showPath(joinPath(directory, file)));
    try {
      return {
        model,
        ...await readShards(fs, directory, manifest),
        hidden: await readShards(fs, directory, readsHidden ? hidden : []),
      };
    } catch (error) {
      // A concurrent save has removed the shards; the file now lists new ones.
      const replaced = error instanceof FileSystemError && error.code === "NotFound";
      if (!replaced || text === last) throw error;
      last = text;
    }
  }
}

async function readFirst(
  fs: FileSystem,
  directory: Path,
  files: string[],
): Promise<{ file: string; text: string }> {
  let cause: unknown;
  for (const file of files) {
    try {
      return { file, text: await fs.readTextFile(joinPath(directory, file)) };
    } catch (error) {
      if (!(error instanceof FileSystemError && error.code === "NotFound")) throw error;
      cause = error;
    }
  }
  const path = showPath(directory);
  throw new FileSystemError(
    "NotFound",
    `Cannot load a checkpoint from ${path}: it has no ${files.join(" and no ")}`,
    { path, cause },
  );
}

function parseManifest(
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
