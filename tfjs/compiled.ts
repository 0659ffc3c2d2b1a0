import type * as tf from "@tensorflow/tfjs";
import { directionOf } from "../core/monitor_direction.ts";
import { plainName, type RatioMetric, ratioOf } from "./metrics.ts";

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
}

/** What `compile` left in a model, in the order in which tfjs made it. */
export interface Compiled {
  /** What computes: the inner model of a `Sequential`, else the model. */
  network: tf.LayersModel;
  inputNames: string[];
  /** Shape of each input, null where any size will do; the first axis is the batch. */
  inputShapes: (number | null)[][];
  outputNames: string[];
  losses: TensorFunction[];
  /** Shape of each output's targets; undefined where the loss is the user's and may take any. */
  targetShapes: ((number | null)[] | undefined)[];
  /** Name of each output's loss; undefined where it is the user's function. */
  lossNames: (string | undefined)[];
  metrics: CompiledMetric[];
  /** Which way each log key improves, where the metric says so. */
  directions: Record<string, "min" | "max">;
}

// Present at run time, private to TypeScript.
interface Insides {
  model?: tf.LayersModel;
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
 * The model that computes. `Sequential` forwards to an inner one, and only that one has what the
 * loops need.
 *
 * @throws TypeError for something that is no model, or a Sequential without layers
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
  const insides = model as unknown as Insides;
  if (model.getClassName() !== "Sequential") return model;
  // A Sequential makes its inner model when it is compiled or first used.
  if (!insides.model) (model as unknown as { build(): void }).build();
  return insides.model ?? model;
}

/** Names and shapes that a forward pass needs, compiled or not. */
export function signatureOf(
  network: tf.LayersModel,
): Pick<Compiled, "network" | "inputNames" | "inputShapes" | "outputNames"> {
  const insides = network as unknown as Insides;
  return {
    network,
    inputNames: insides.inputNames,
    inputShapes: insides.feedInputShapes,
    outputNames: insides.outputNames,
  };
}

/**
 * What `compile` left in the model.
 *
 * @throws TypeError when the model is not compiled
 */
export function compiledParts(model: tf.LayersModel, verb: string): Compiled {
  const network = networkOf(model, verb);
  const insides = network as unknown as Insides;
  if (
    insides.optimizer === undefined || insides.optimizer === null ||
    insides.lossFunctions === undefined
  ) {
    throw new TypeError(
      `Cannot ${verb}: the model is not compiled; call model.compile({ optimizer, loss }) first`,
    );
  }
  const signature = signatureOf(network);
  const metrics = compiledMetrics(insides);
  // A loss given by its name is tfjs's own. Its function's name depends on how tfjs was bundled.
  const lossNames = signature.outputNames.map((name, i) => lossName(insides.loss, name, i));
  const targetShapes = insides.internalOutputShapes.map((shape, i) => {
    if (lossNames[i] === undefined) return undefined;
    return lossNames[i] === "sparseCategoricalCrossentropy" ? [...shape.slice(0, -1), 1] : shape;
  });
  return {
    ...signature,
    losses: insides.lossFunctions,
    targetShapes,
    lossNames,
    metrics,
    directions: directionsOf(metrics),
  };
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

/** A weight that training changes. */
export interface TrainableWeight {
  /** Name without the number that tells variables of equal names apart. */
  readonly originalName: string;
  /** The variable. */
  read(): tf.Variable;
}

/** The weights that were trainable at `compile`: another array after each `compile`. */
export function collectedWeights(network: tf.LayersModel): TrainableWeight[] | undefined {
  return (network as unknown as Insides).collectedTrainableWeights;
}

/** The weights that training changes: those that were trainable at `compile`. */
export function trainableWeights(network: tf.LayersModel): TrainableWeight[] {
  return collectedWeights(network) ??
    network.trainableWeights as unknown as TrainableWeight[];
}

/** The variables of {@linkcode trainableWeights}. */
export function trainableVariables(network: tf.LayersModel): tf.Variable[] {
  return trainableWeights(network).map((weight) => weight.read());
}

/**
 * Metrics under the names given to `compile`, as Keras calls them. tfjs renames `accuracy` to `acc`
 * and calls an anonymous function by the empty string.
 */
function compiledMetrics(insides: Insides): CompiledMetric[] {
  const several = insides.outputNames.length > 1;
  // With several outputs, tfjs lists the losses of the outputs before the metrics.
  const measures = (insides.metricsTensors ?? []).slice(several ? insides.outputNames.length : 0);
  const given = insides.outputNames.flatMap((output) => metricsOf(insides.metrics, output));
  const losses = several ? insides.outputNames.map((output) => `${output}_loss`) : [];
  const taken = new Map(["loss", ...losses].map((name) => [name, 1]));
  return measures.map(([measure, output], i) => {
    const prefix = several ? `${insides.outputNames[output]}_` : "";
    const bare = prefix + nameOfMetric(given[i], measure);
    const count = taken.get(bare) ?? 0;
    taken.set(bare, count + 1);
    return {
      name: count === 0 ? bare : `${bare}_${count}`,
      output,
      measure,
      ratio: ratioOf(given[i], measure),
    };
  });
}

/**
 * Loss, metrics and optimizer of a compiled model in TensorFlow.js's form.
 *
 * @throws TypeError when they hold what it cannot write: it saves a loss function as `{}` and a metric
 *   function by a name that no load finds
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
