import type { io } from "@tensorflow/tfjs";
import { joinPath } from "../runtime/mod.ts";
import type { Path } from "../runtime/types.ts";
import type { AddFile } from "../runtime/write_files.ts";
import { longCrc32c } from "../tensorboard/long_crc.ts";
import type { WeightsGroup } from "./read_shards.ts";

/** A weight to write: its manifest entry, and a function that reads its bytes. */
export interface WeightSource {
  spec: io.WeightsManifestEntry;
  read(): Promise<Uint8Array[]>;
}

/** Split all bytes into files of at most `maxShardBytes`; a weight may continue in the next file. */
export async function writeShards(
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
      group.crc32c.push(parts.reduce((sum, part) => longCrc32c(part, sum), 0));
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

/** Whether a file has the name of a shard. */
export function isShard(name: string): boolean {
  return /^weights-[0-9a-f]{8}-[0-9a-f]{4}-\d+\.bin$/.test(name);
}

/** Shards that this process is writing, which no file names yet. */
export const inUse = new Set<string>();

/** Number of shards whose bytes may wait to be written. */
const maxWaiting = 2;
