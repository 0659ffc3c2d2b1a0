import type * as tf from "@tensorflow/tfjs";
import { directionOf } from "../core/monitor_direction.ts";
import { isFromTfjs, plainName, type RatioMetric, ratioOf } from "./metrics.ts";

/** A loss or metric as tfjs keeps it: per-sample values, or one number. */
export type TensorFunction = (yTrue: tf.Tensor, yPred: tf.Tensor) => tf.Tensor;

/** One metric of one output. */
export interface CompiledMetric {
  /** Key in the logs. */
  name: string;
  /** Index of the output it reads. */
  output: number;
  measure: TensorFunction;
  /** How to count it over batches, when a mean of batch values would be wrong. */
  ratio: RatioMetric | undefined;
  /** Whether it is one of TensorFlow.js's own, which gets targets as float32. */
  isOwn: boolean;
  /** Its name as given to `compile`; undefined for a function. */
  identifier: string | undefined;
}

/** The compiled state of a model, in tfjs's order. */
export interface Compiled {
  /** The network that computes: the inner model of a `Sequential`, else the model. */
  network: tf.LayersModel;
  inputNames: string[];
  /** Shape of each input, null for any size; the first axis is the batch. */
  inputShapes: (number | null)[][];
  /** Required batch size, if a layer keeps state for each row; null for any. */
  batchRows: number | null;
  outputNames: string[];
  /**
   * For each output the size of the last axis of its predictions, such as the number of classes.
   */
  outputSizes: (number | null)[];
  losses: TensorFunction[];
  /** Shape of each output's targets; undefined for a custom loss, which may take any. */
  targetShapes: ((number | null)[] | undefined)[];
  /** Name of each output's loss; undefined for a custom function. */
  lossNames: (string | undefined)[];
  metrics: CompiledMetric[];
  /** Direction in which each log key improves, if its metric declares one. */
  directions: Record<string, "min" | "max">;
}

// Exists at run time but private to TypeScript.
interface Internals {
  model?: tf.LayersModel;
  isTraining?: boolean;
  stateful: boolean;
  optimizer?: tf.Optimizer;
  loss?: LossArgument;
  lossFunctions?: TensorFunction[];
  metricsTensors?: [TensorFunction, number][];
  metrics?: MetricsArgument;
  outputNames: string[];
  inputNames: string[];
  feedInputShapes: (number | null)[][];
  internalOutputShapes: (number | null)[][];
  collectedTrainableWeights?: TrainableWeight[];
}

type LossArgument = string | TensorFunction | LossArgument[] | { [output: string]: LossArgument };
type MetricArgument = string | (TensorFunction & { direction?: "min" | "max" });
type MetricsArgument =
  | MetricArgument
  | MetricArgument[]
  | Record<string, MetricArgument | MetricArgument[]>
  | null
  | undefined;

/**
 * The model that computes. A `Sequential` forwards to an inner model, which has what the loops
 * need.
 *
 * @throws TypeError for anything but a model, and for a Sequential without layers
 */
export function networkOf(model: tf.LayersModel, verb: string): tf.LayersModel {
  if (typeof model?.getWeights !== "function" || !("layers" in model)) {
    throw new TypeError(
      `Cannot ${verb}: expected a tf.LayersModel or tf.Sequential, got ${describe(model)}`,
    );
  }
  if (model.outputs === undefined || model.outputs.length === 0) {
    throw new TypeError(
      `Cannot ${verb}: the model is not built; add a layer with inputShape first`,
    );
  }
  if (model.weights.some((weight) => (weight as unknown as TrainableWeight).val.isDisposed)) {
    throw new TypeError(`Cannot ${verb}: the model is disposed; create it again`);
  }
  const internals = model as unknown as Internals;
  if (model.getClassName() !== "Sequential") return model;
  // A Sequential creates its inner model on compile or first use.
  if (!internals.model) (model as unknown as { build(): void }).build();
  return internals.model ?? model;
}

/** Names and shapes for a forward pass, compiled or not. */
export function signatureOf(
  network: tf.LayersModel,
): Pick<
  Compiled,
  "network" | "inputNames" | "inputShapes" | "batchRows" | "outputNames" | "outputSizes"
> {
  const internals = network as unknown as Internals;
  return {
    network,
    inputNames: internals.inputNames,
    inputShapes: internals.feedInputShapes,
    batchRows: internals.stateful ? internals.feedInputShapes[0]?.[0] ?? null : null,
    outputSizes: internals.internalOutputShapes.map((shape) => shape.at(-1) ?? null),
    outputNames: uniqueNames(internals.outputNames),
  };
}

/** Names of the outputs; outputs of a shared layer get numbers, as in Keras. */
function uniqueNames(names: string[]): string[] {
  const taken = new Set<string>();
  for (const name of names) {
    let unique = name;
    for (let count = 1; taken.has(unique); count++) unique = `${name}_${count}`;
    taken.add(unique);
  }
  return [...taken];
}

/**
 * The compiled state of a model.
 *
 * @throws TypeError when the model is not compiled
 */
export function compiledParts(model: tf.LayersModel, verb: string): Compiled {
  const network = networkOf(model, verb);
  const internals = network as unknown as Internals;
  if (
    internals.optimizer === undefined || internals.optimizer === null ||
    internals.lossFunctions === undefined
  ) {
    throw new TypeError(
      `Cannot ${verb}: the model is not compiled; call model.compile({ optimizer, loss }) first`,
    );
  }
  const signature = signatureOf(network);
  checkArguments(internals, verb);
  const metrics = compiledMetrics(internals, signature.outputNames);
  // A loss given by name is tfjs's own. Its function's name depends on how tfjs was bundled.
  const lossNames = internals.outputNames.map((name, i) => lossName(internals.loss, name, i));
  const targetShapes = internals.internalOutputShapes.map((shape, i) => {
    if (lossNames[i] === undefined) return undefined;
    return lossNames[i] === "sparseCategoricalCrossentropy" ? [...shape.slice(0, -1), 1] : shape;
  });
  return {
    ...signature,
    losses: internals.lossFunctions,
    targetShapes,
    lossNames,
    metrics,
    directions: directionsOf(metrics),
  };
}

/**
 * Options of `compile` that TensorFlow.js accepts silently and fails with later, or never reads.
 */
function checkArguments(
  { outputNames, lossFunctions = [], metrics, optimizer }: Internals,
  verb: string,
): void {
  outputNames.forEach((name, i) => {
    if (typeof lossFunctions[i] === "function") return;
    throw new TypeError(
      `Cannot ${verb}: the output ${name} has no loss; give each of ${
        outputNames.join(", ")
      } one ` +
        `in model.compile({ loss })`,
    );
  });
  if (typeof metrics === "object" && metrics !== null && !Array.isArray(metrics)) {
    const stranger = Object.keys(metrics).find((name) => !outputNames.includes(name));
    if (stranger !== undefined) {
      throw new TypeError(
        `Cannot ${verb}: model.compile was given metrics for ${JSON.stringify(stranger)}, the ` +
          `model's outputs are ${outputNames.join(", ")}`,
      );
    }
  }
  if (optimizer !== undefined && verb === "fit" && isDisposed(optimizer)) {
    throw new TypeError(
      `Cannot fit: the optimizer ${optimizer.getClassName()} is disposed; compile the model with a ` +
        `new one`,
    );
  }
}

/** Whether an optimizer has disposed one of its variables or constants. */
function isDisposed(optimizer: tf.Optimizer): boolean {
  type Part = { isDisposed?: boolean; variable?: { isDisposed: boolean } } | null | undefined;
  return Object.values(optimizer).flat().some((part: Part) =>
    part?.isDisposed === true || part?.variable?.isDisposed === true
  );
}

function lossName(loss: LossArgument | undefined, output: string, i: number): string | undefined {
  if (typeof loss === "string") return loss;
  if (typeof loss !== "object" || loss === null) return undefined;
  return lossName(Array.isArray(loss) ? loss[i] : loss[output], output, i);
}

function directionsOf(metrics: CompiledMetric[]): Compiled["directions"] {
  const directions: Compiled["directions"] = {};
  for (const { name, measure } of metrics) {
    const direction = (measure as { direction?: "min" | "max" }).direction ??
      directionOf(name, {}) ?? directionOf(plainName(measure), {});
    if (direction !== undefined) directions[name] = direction;
  }
  return directions;
}

/**
 * The compiled state of a model, updated when a callback recompiles the model during a run:
 * optimizer, trained weights and losses are then the new ones, metrics stay those of the run.
 *
 * @param first state at the start of the run
 * @returns a function that returns the same object until the model is recompiled
 * @throws TypeError when the new losses need targets of other shapes
 */
export function followCompile(model: tf.LayersModel, first: Compiled): () => Compiled {
  const isSequential = model.getClassName() === "Sequential";
  let latest = first;
  return () => {
    // Sequential creates another inner model with each compile.
    const network = isSequential ? (model as unknown as Internals).model : model;
    const { lossFunctions } = network as unknown as Internals;
    if (network === latest.network && lossFunctions === latest.losses) return latest;
    const next = compiledParts(model, "continue with the recompiled model");
    if (String(next.targetShapes) !== String(first.targetShapes)) {
      throw new TypeError(
        "Cannot continue with the recompiled model: its new loss needs targets of a different " +
          "shape",
      );
    }
    return latest = { ...next, metrics: first.metrics, directions: first.directions };
  };
}

const inTraining = new WeakSet<tf.LayersModel>();

/**
 * Mark a model as in use by a fit, for fits of TensorFlow.js too.
 *
 * @returns a function that removes the mark
 * @throws TypeError when it is already in a fit
 */
export function claimTraining(model: tf.LayersModel): () => void {
  const network = networkOf(model, "fit") as unknown as Internals;
  if (network.isTraining || inTraining.has(model)) {
    throw new TypeError("Cannot fit: the model is already in another fit; await that one first");
  }
  inTraining.add(model);
  network.isTraining = true;
  return () => {
    inTraining.delete(model);
    network.isTraining = false;
  };
}

/** Penalties of regularizers, which belong to the loss. */
export function penaltiesOf(network: tf.LayersModel): tf.Scalar[] {
  return (network as unknown as { calculateLosses(): tf.Scalar[] }).calculateLosses();
}

/** A trained weight. */
export interface TrainableWeight {
  /** Name without the number that distinguishes equal names. */
  readonly originalName: string;
  /** The variable, which {@linkcode read} returns; that one throws once it is disposed. */
  readonly val: tf.Variable;
  /** Constraint applied after each update. */
  readonly constraint?: { apply(values: tf.Tensor): tf.Tensor } | null;
  /** The variable. */
  read(): tf.Variable;
}

/** The weights that were trainable at `compile`: a new array after each `compile`. */
export function collectedWeights(network: tf.LayersModel): TrainableWeight[] | undefined {
  return (network as unknown as Internals).collectedTrainableWeights;
}

/** The trained weights: those that were trainable at `compile`. */
export function trainableWeights(network: tf.LayersModel): TrainableWeight[] {
  return collectedWeights(network) ??
    network.trainableWeights as unknown as TrainableWeight[];
}

/** Whether a weight became trainable after `compile`: training leaves it unchanged. */
export function hasUnfrozen(network: tf.LayersModel): boolean {
  const collected = new Set<unknown>(collectedWeights(network));
  return collected.size > 0 && network.trainableWeights.some((weight) => !collected.has(weight));
}

/** The variables that no gradient changes, such as moving averages. */
export function untrainedWeights(network: tf.LayersModel): tf.Variable[] {
  const weights = network.nonTrainableWeights as unknown as TrainableWeight[];
  return weights.map((weight) => weight.read());
}

/** The variables of {@linkcode trainableWeights}. */
export function trainableVariables(network: tf.LayersModel): tf.Variable[] {
  return trainableWeights(network).map((weight) => weight.read());
}

/**
 * Metrics under the names given to `compile`, as in Keras. tfjs renames `accuracy` to `acc` and
 * gives an anonymous function the empty name.
 */
function compiledMetrics(internals: Internals, outputNames: string[]): CompiledMetric[] {
  const several = outputNames.length > 1;
  // With several outputs, tfjs lists the losses of the outputs before the metrics.
  const measures = (internals.metricsTensors ?? []).slice(several ? outputNames.length : 0);
  const given = internals.outputNames.flatMap((output) => metricsOf(internals.metrics, output));
  const losses = several ? outputNames.map((output) => `${output}_loss`) : [];
  const taken = new Map(["loss", ...losses].map((name) => [name, 1]));
  return measures.map(([measure, output], i) => {
    const prefix = several ? `${outputNames[output]}_` : "";
    const bare = prefix + nameOfMetric(given[i], measure);
    const count = taken.get(bare) ?? 0;
    taken.set(bare, count + 1);
    return {
      name: count === 0 ? bare : `${bare}_${count}`,
      output,
      measure,
      ratio: ratioOf(given[i], measure),
      isOwn: typeof given[i] === "string" || isFromTfjs(measure),
      identifier: typeof given[i] === "string" ? given[i] as string : undefined,
    };
  });
}

/**
 * Loss, metrics and optimizer of a compiled model in TensorFlow.js's form.
 *
 * @throws TypeError for functions, which it cannot write: it saves a loss function as `{}` and a
 *   metric function by a name that cannot be loaded
 */
export function trainingConfigOf(model: tf.LayersModel): tf.io.TrainingConfig {
  if (holdsFunction(model.loss) || holdsFunction(model.metrics)) {
    throw new TypeError(
      "its loss or a metric is a function, which has no name that a load could find",
    );
  }
  return (model as unknown as { getTrainingConfig(): tf.io.TrainingConfig }).getTrainingConfig();
}

function holdsFunction(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return typeof value === "function";
  return Object.values(value).some(holdsFunction);
}

function metricsOf(metrics: MetricsArgument, output: string): MetricArgument[] {
  if (metrics === null || metrics === undefined) return [];
  if (typeof metrics === "string" || typeof metrics === "function") return [metrics];
  if (Array.isArray(metrics)) return metrics;
  const own = metrics[output] ?? [];
  return Array.isArray(own) ? own : [own];
}

function nameOfMetric(given: MetricArgument | undefined, measure: TensorFunction): string {
  if (typeof given === "string") return given;
  return plainName(given ?? measure) || "metric";
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === "object" ? value.constructor?.name ?? "an object" : typeof value;
}
