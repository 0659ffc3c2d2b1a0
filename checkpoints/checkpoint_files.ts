import { FileSystemError, joinPath, sweep } from "../runtime/mod.ts";
import { showPath } from "../runtime/paths.ts";
import { isAbandoned } from "../runtime/temporary_files.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { writeTogether } from "../runtime/write_files.ts";
import {
  MODEL_FILE,
  type ModelJson,
  parseManifest,
  WEIGHTS_FILE,
  withChecksum,
} from "./manifest.ts";
import { readShards, type WeightsContent, type WeightsGroup } from "./read_shards.ts";
import { inUse, isShard, type WeightSource, writeShards } from "./write_shards.ts";

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

/** Shards that this process has written, and the name of the file that names each. */
const finished = new Map<string, string>();

/** Number of shards to remember; it then reads the file that names them. */
const maxFinished = 1000;

/** Files in the directory of a checkpoint that is about to be replaced. */
interface FilesBefore {
  /** Shards that the checkpoint names. */
  named: string[];
  /** Other shards, and files that a killed process has left. */
  others: string[];
}

async function filesIn(fs: FileSystem, directory: Path, file: string): Promise<FilesBefore> {
  const names = (await fs.readDir(directory).catch(() => [])).map(({ name }) => name);
  const shards = names.filter((name) => isShard(name) && !inUse.has(name));
  // What this process has written need not be read from the file.
  const areKnown = names.every((name) =>
    finished.get(name) === file || inUse.has(name) || name.startsWith(".") || name.endsWith(".json")
  );
  const named = areKnown ? shards : await namedShards(fs, directory, file);
  const unnamed = shards.filter((name) => !named.includes(name));
  return { named, others: [...unnamed, ...names.filter(isAbandoned)] };
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
