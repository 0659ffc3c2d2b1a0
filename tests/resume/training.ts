/**
 * The training that the suites of this folder interrupt. It is small, but uses everything that a
 * resumed run must restore.
 */
import * as tf from "@tensorflow/tfjs";
import {
  type CallbackLike,
  exponentialMovingAverage,
  fit,
  fitDataset,
  getOptimizerState,
  shuffledDataset,
  type ShuffledDatasetOptions,
  useBackend,
} from "keepfit";
import type { FileSystem } from "keepfit/runtime";
import { readEvents, type SummaryEvent } from "keepfit/tensorboard";
import { callbacksOf } from "./callbacks.ts";

/** A kind of run. By default, dense layers are trained with Adam. */
export interface Kind {
  /** Backend. Default: `"cpu"`. */
  backend?: "cpu" | "wasm" | "webgpu";
  /** Whether steps are compiled. Default: if possible. */
  jitCompile?: boolean;
  /** Batches between two calls of the batch hooks. Default: 1. */
  stepsPerExecution?: number;
  /** Frequency of backups. Default: `"epoch"`. */
  saveFreq?: "epoch" | number;
  /** Time between backups, instead of `saveFreq`. */
  saveEvery?: { seconds: number };
  /** Whether checkpoints and backups are written in the background. Default: false. */
  background?: boolean;
  /** Whether loggers append. Default: false. */
  append?: boolean;
  /** Whether a line of JSON is logged for each batch. Default: false. */
  batchLines?: boolean;
  /** Layers and optimizer. Default: `"dense"`. */
  model?: "dense" | "dropout" | "average" | "lstm" | "stateful" | "conv" | "outputs";
  /** Source of the batches. Default: `"tensors"`. */
  source?: "tensors" | "generator" | "steps" | "shuffled" | "ours";
  /** Whether the run stops early. Default: false. */
  stops?: boolean;
  /** Whether the rest of the catalog that has a state or changes the training is used. Default: false. */
  catalog?: boolean;
}

/** Results of a run as comparable data. */
export interface Outcome {
  weights: number[][];
  optimizer: unknown;
  history: Record<string, number[]>;
  epoch: number[];
  /** Text of logs, content of checkpoints and points of TensorBoard, by path. */
  files: Record<string, unknown>;
}

const batchSize = 3;
/** Layers with states need batches of one size. */
const rowsOf = ({ model }: Kind) => model === "stateful" ? 12 : 11;

/** Train to the end in `directory`, continuing the run of an earlier process. */
export async function train(
  kind: Kind,
  fs: FileSystem,
  directory: string,
  others: CallbackLike[] = [],
): Promise<Outcome> {
  await useBackend(tf, kind.backend ?? "cpu", { threads: 1 });
  const rows = rowsOf(kind);
  const model = makeModel(kind);
  const { optimizer } = model;
  const x = tf.linspace(-1, 1, rows).reshape(isSequence(kind) ? [rows, 1, 1] : [rows, 1]);
  const y = tf.linspace(-1, 1, rows).reshape([rows, 1]).square();
  const options = {
    epochs: 4,
    // Until its first backup, a run without a seed gets a new one each time.
    seed: 5,
    verbose: 0 as const,
    ...(kind.jitCompile !== undefined && { jitCompile: kind.jitCompile }),
    ...(kind.stepsPerExecution !== undefined && { stepsPerExecution: kind.stepsPerExecution }),
    callbacks: [...callbacksOf(kind, fs, directory), ...others],
    validationData: targets(kind, x, y),
  };
  try {
    const { source = "tensors" } = kind;
    const history = source === "tensors"
      ? await fit(model, ...targets(kind, x, y) as [tf.Tensor, tf.Tensor], {
        ...options,
        batchSize,
        ...(kind.model === "stateful" && { shuffle: false }),
      })
      : await fitDataset(model, datasetOf(kind, source) as never, {
        ...options,
        ...(source === "steps" && { stepsPerEpoch: 3 }),
      });
    const { slots, variables: _, ...state } = await getOptimizerState(model);
    return {
      weights: await Promise.all(
        model.getWeights().map(async (weight) => Array.from(await weight.data())),
      ),
      optimizer: {
        ...state,
        slots: Object.values(slots).map((of) => of.map(({ value }) => Array.from(value as never))),
      },
      history: { ...history.history },
      epoch: history.epoch,
      files: await contentOf(fs, directory),
    };
  } finally {
    model.dispose();
    optimizer.dispose();
    x.dispose();
    y.dispose();
  }
}

const isSequence = ({ model = "dense" }: Kind) => ["lstm", "stateful", "conv"].includes(model);

function targets(kind: Kind, x: tf.Tensor, y: tf.Tensor): [tf.Tensor, tf.Tensor | tf.Tensor[]] {
  return [x, kind.model === "outputs" ? [y, y] : y];
}

function makeModel(kind: Kind): tf.LayersModel {
  const { model = "dense" } = kind;
  const kernelInitializer = tf.initializers.glorotUniform({ seed: 3 });
  const dense = (name: string, units: number, activation?: "tanh") =>
    tf.layers.dense({ name, units, activation, kernelInitializer });
  const input = tf.input({
    name: "in",
    batchShape: [model === "stateful" ? batchSize : null, ...isSequence(kind) ? [1, 1] : [1]],
  });
  let hidden = input;
  if (model === "lstm" || model === "stateful") {
    const recurrentInitializer = tf.initializers.glorotUniform({ seed: 4 });
    const options = { name: "lstm", units: 3, kernelInitializer, recurrentInitializer };
    const particular = model === "stateful" ? { stateful: true } : { dropout: 0.2 };
    hidden = tf.layers.lstm({ ...options, ...particular }).apply(hidden) as tf.SymbolicTensor;
  } else if (model === "conv") {
    const options = { name: "conv", filters: 3, kernelSize: 1, kernelInitializer };
    hidden = tf.layers.conv1d(options).apply(hidden) as tf.SymbolicTensor;
    hidden = tf.layers.batchNormalization({ name: "norm" }).apply(hidden) as tf.SymbolicTensor;
    hidden = tf.layers.flatten({ name: "flat" }).apply(hidden) as tf.SymbolicTensor;
  } else {
    hidden = dense("hidden", 4, "tanh").apply(hidden) as tf.SymbolicTensor;
  }
  if (model === "dropout") {
    const dropout = tf.layers.dropout({ name: "dropout", rate: 0.3 });
    hidden = tf.layers.gaussianNoise({ name: "noise", stddev: 0.1 })
      .apply(dropout.apply(hidden)) as tf.SymbolicTensor;
  }
  const outputs = [dense("out", 1).apply(hidden) as tf.SymbolicTensor];
  if (model === "outputs") outputs.push(dense("second", 1).apply(hidden) as tf.SymbolicTensor);
  const made = tf.model({ name: "model", inputs: input, outputs });
  const adam = tf.train.adam(0.05);
  made.compile({
    optimizer: model === "average" ? exponentialMovingAverage(adam, { momentum: 0.9 }) : adam,
    loss: "meanSquaredError",
    metrics: model === "outputs" ? undefined : ["mse"],
  });
  return made;
}

/** Batches of a dataset; one that continues across epochs starts each epoch with another batch. */
function datasetOf(kind: Kind, source: Kind["source"]): unknown {
  const column = isSequence(kind) ? [1, 1] : [1];
  const rows = rowsOf(kind);
  if (source === "shuffled" || source === "ours") {
    const items = tf.data.array(
      Array.from({ length: rows }, (_, i) => ({ xs: [i / rows], ys: [i % 3] })) as never,
    );
    if (source === "shuffled") return items.shuffle(rows, "7").batch(batchSize);
    const prepare: ShuffledDatasetOptions["prepare"] = (shuffled) => shuffled.batch(batchSize);
    return shuffledDataset(items, { bufferSize: rows, prepare });
  }
  return function* () {
    for (let i = 0; i < (source === "steps" ? 7 : 4); i++) {
      yield { xs: tf.fill([2, ...column], i / 4), ys: tf.fill([2, 1], i % 3) };
    }
  };
}

/** The content of a folder as comparable data. */
export async function contentOf(
  fs: FileSystem,
  directory: string,
): Promise<Record<string, unknown>> {
  const files: Record<string, unknown> = {};
  const visit = async (folder: string): Promise<void> => {
    const entries = await fs.readDir(folder);
    if (entries.length === 0) files[`${folder.slice(directory.length)}/`] = "empty";
    // The names of shards and event files differ between runs.
    let shards = entries.map(({ name }) => name).filter((name) => /^weights-.*bin$/.test(name));
    // TensorBoard reads the files in the order of their names, as `readDir` lists them.
    const events: SummaryEvent[] = [];
    for (const { name, isDirectory } of entries) {
      const path = `${folder}/${name}`;
      const key = path.slice(directory.length);
      if (isDirectory) await visit(path);
      else if (name.startsWith("events.")) events.push(...readEvents(await fs.readFile(path)));
      else if (/^model\.json$/.test(name)) {
        const text = await fs.readTextFile(path);
        const { crc32c: _ofPaths, ...json } = JSON.parse(text);
        const groups = [json.weightsManifest, json.optimizerState?.weightsManifest].flat();
        const paths = groups.flatMap((group) => group?.paths ?? []) as string[];
        const bytes = await Promise.all(
          paths.map(async (name) => (await fs.readFile(`${folder}/${name}`)).join()),
        );
        shards = shards.filter((name) => !paths.includes(name));
        for (const path of paths) {
          for (const group of groups) if (group) group.paths = [path.length];
        }
        files[key] = { json, bytes };
      } else if (!/^weights-.*bin$/.test(name)) files[key] = await fs.readTextFile(path);
    }
    for (const name of shards) files[`${folder.slice(directory.length)}/${name}`] = "unnamed";
    if (events.length > 0) files[folder.slice(directory.length)] = pointsOf(events);
  };
  await visit(directory);
  return files;
}

/**
 * The points that TensorBoard shows, by tag and step. The start of a session invalidates earlier
 * points of its step and later steps. Times are ignored.
 */
function pointsOf(events: SummaryEvent[]) {
  let points: { tag: string; step: number; value: unknown }[] = [];
  for (const { step, session, summaries } of events) {
    if (session === 1) points = points.filter((point) => point.step < step);
    points.push(...summaries.map(({ tag, tensor }) => ({ tag, step, value: tensor?.values })));
  }
  return points.map(({ tag, step, value }) => `${tag} ${step} ${value}`).sort();
}
