/** A small run for the tests of the TensorBoard callback. */
import * as tf from "@tensorflow/tfjs";
import {
  type CallbackLike,
  fit,
  type FitOptions,
  TensorBoard,
  type TensorBoardOptions,
} from "keepfit";
import { type FileSystem, memoryFileSystem, walk } from "keepfit/runtime";
import { readEvents, type SummaryEvent, type SummaryValue } from "keepfit/tensorboard";

await tf.setBackend("cpu");

/** Inputs of ten rows: five batches of two. */
export const x: tf.Tensor = tf.randomUniform([10, 4], 0, 1, "float32", 1);
/** Targets of {@linkcode x}. */
export const y: tf.Tensor = tf.randomUniform([10, 1], 0, 1, "float32", 2);
/** The same rows as validation data. */
export const validationData: [tf.Tensor, tf.Tensor] = [x, y];

function dense(optimizer: string | tf.Optimizer = "sgd"): tf.Sequential {
  const model = tf.sequential({
    name: "seq",
    layers: [
      tf.layers.dense({ name: "hidden", inputShape: [4], units: 3, activation: "relu" }),
      tf.layers.dense({ name: "out", units: 1 }),
    ],
  });
  model.compile({ optimizer, loss: "meanSquaredError" });
  return model;
}

/** A run in memory: its model, and the files of the callback. */
export class World {
  readonly fs: FileSystem = memoryFileSystem();
  readonly model: tf.LayersModel;
  readonly callback: TensorBoard;

  constructor(options: TensorBoardOptions = {}, model: tf.LayersModel = dense()) {
    this.model = model;
    this.callback = new TensorBoard({ fs: this.fs, ...options });
  }

  /** Train two epochs of five batches. */
  async fit(options: FitOptions = {}, inputs: tf.Tensor = x): Promise<void> {
    const { callbacks = [], ...rest } = options;
    await fit(this.model, inputs, y, {
      epochs: 2,
      batchSize: 2,
      verbose: 0,
      ...rest,
      callbacks: [this.callback, callbacks as CallbackLike],
    });
  }

  /** Paths below `logs` of files with this ending. */
  async files(ending: string): Promise<string[]> {
    const paths: string[] = [];
    for await (const { path, isFile } of walk("logs", { fs: this.fs })) {
      if (isFile && String(path).endsWith(ending)) paths.push(String(path));
    }
    return paths.sort();
  }

  /** All events of a run (`""` is the folder itself), in the order of files and events. */
  async events(run: string): Promise<SummaryEvent[]> {
    const directory = run === "" ? "logs" : `logs/${run}`;
    const found = [];
    for (const path of await this.files(".v2")) {
      if (!path.startsWith(`${directory}/events`)) continue;
      found.push(...readEvents(await this.fs.readFile(path)));
    }
    return found;
  }

  /** All summaries of a run, in the same order. */
  async summaries(run: string): Promise<(SummaryValue & { step: number })[]> {
    return (await this.events(run)).flatMap(({ step, summaries }) =>
      summaries.map((value) => ({ ...value, step }))
    );
  }

  /** The tags of a plugin in each run: `T epoch_loss`. */
  async tags(plugin: string): Promise<string[]> {
    const tags = new Set<string>();
    for (const run of ["train", "validation"]) {
      for (const value of await this.summaries(run)) {
        if (value.plugin === plugin) tags.add(`${run[0].toUpperCase()} ${value.tag}`);
      }
    }
    return [...tags].sort();
  }

  /** Step and value of each scalar with this tag. */
  async scalars(run: string, tag: string): Promise<[number, number][]> {
    return (await this.summaries(run))
      .filter((value) => value.tag === tag)
      .map(({ step, tensor }) => [step, Number(tensor?.values[0])]);
  }

  /** Step of each scalar with this tag. */
  async steps(run: string, tag: string): Promise<number[]> {
    return (await this.scalars(run, tag)).map(([step]) => step);
  }
}

/** Decode a string of a tensor. */
export function textOf(bytes: unknown): string {
  return new TextDecoder().decode(bytes as Uint8Array);
}

/** Ten rows of three tokens. */
export const tokens: tf.Tensor = tf.randomUniform([10, 3], 0, 5, "int32", 3).toFloat();

/** A model with an embedding and one output. */
export function embedding(): tf.Sequential {
  const model = tf.sequential({
    layers: [
      tf.layers.embedding({ name: "test_embedding", inputDim: 5, outputDim: 2, inputLength: 3 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 1 }),
    ],
  });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  return model;
}
