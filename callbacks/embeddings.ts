import { readTensors } from "../core/model.ts";
import { joinPath } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { projectorConfig, writeEmbedding } from "../tensorboard/mod.ts";
import type { ModelLayer } from "../tfjs/layers.ts";

/** File with a label for each row: one for all embeddings, or one per layer path. */
export type EmbeddingsMetadata = string | Readonly<Record<string, string>>;

/**
 * Check that labels belong to existing layers.
 *
 * @throws RangeError for labels of anything but an Embedding layer
 */
export function checkMetadata(layers: ModelLayer[], metadata: EmbeddingsMetadata = ""): void {
  if (typeof metadata === "string") return;
  const known = embeddingsOf(layers).map(({ path }) => path);
  const unknown = Object.keys(metadata).filter((path) => !known.includes(path));
  if (unknown.length === 0) return;
  throw new RangeError(
    `Cannot label the embeddings of ${unknown.join(", ")}: embeddingsMetadata must name ` +
      `Embedding layers, the model has ${known.join(", ") || "none"}`,
  );
}

/**
 * Write the embeddings of an epoch for TensorBoard's projector, and the config that lists them:
 * `train/keras_embedding-<layer>-<epoch>.tsv` and `projector_config.pbtxt` in `logDir`.
 */
export async function writeEmbeddings(
  layers: ModelLayer[],
  epoch: number,
  { logDir, fs, metadata }: { logDir: Path; fs: FileSystem; metadata?: EmbeddingsMetadata },
): Promise<void> {
  const embeddings = embeddingsOf(layers);
  if (embeddings.length === 0) return;
  const tables = await readTensors(embeddings.map(({ weights }) => weights[0].tensor));
  const infos = await Promise.all(embeddings.map(async ({ path, index }, i) => {
    const name = `keras_embedding-${path}-${epoch}`;
    const { shape, values } = tables[i];
    const table = { name, values, shape: shape as [number, number] };
    const info = await writeEmbedding(joinPath(logDir, "train"), table, { fs });
    return {
      ...info,
      // The name in a TensorFlow checkpoint, which Keras uses.
      tensorName: `layer_with_weights-${index}/embeddings/.ATTRIBUTES/VARIABLE_VALUE`,
      tensorPath: `train/${info.tensorPath}`,
      metadataPath: typeof metadata === "object" ? metadata[path] : metadata,
    };
  }));
  // Written last, so that every file it lists exists.
  await fs.writeFile(joinPath(logDir, "projector_config.pbtxt"), projectorConfig(infos));
}

/** The Embedding layers, each with its index among the layers that have weights. */
function embeddingsOf(layers: ModelLayer[]): (ModelLayer & { index: number })[] {
  return layers
    .filter(({ weights }) => weights.length > 0)
    .map((layer, index) => ({ ...layer, index }))
    .filter(({ className }) => className === "Embedding");
}
