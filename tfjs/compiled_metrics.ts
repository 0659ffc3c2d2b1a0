import type * as tf from "@tensorflow/tfjs";
import { directionOf } from "../core/monitor_direction.ts";
import { isFromTfjs, plainName, type RatioMetric, ratioOf } from "./metrics.ts";
import type { NetworkInternals } from "./network.ts";

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

/**
 * Metrics under the names given to `compile`, as in Keras. tfjs renames `accuracy` to `acc` and
 * gives an anonymous function the empty name.
 */
export function compiledMetrics(
  internals: NetworkInternals,
  outputNames: string[],
): CompiledMetric[] {
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

/** Direction in which each log key improves, if its metric declares one. */
export function directionsOf(metrics: CompiledMetric[]): Record<string, "min" | "max"> {
  const directions: Record<string, "min" | "max"> = {};
  for (const { name, measure } of metrics) {
    const direction = (measure as { direction?: "min" | "max" }).direction ??
      directionOf(name, {}) ?? directionOf(plainName(measure), {});
    if (direction !== undefined) directions[name] = direction;
  }
  return directions;
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

/** Argument `loss` of `compile`. */
export type LossArgument = string | TensorFunction | LossArgument[] | {
  [output: string]: LossArgument;
};

type MetricArgument = string | (TensorFunction & { direction?: "min" | "max" });

/** Argument `metrics` of `compile`. */
export type MetricsArgument =
  | MetricArgument
  | MetricArgument[]
  | Record<string, MetricArgument | MetricArgument[]>
  | null
  | undefined;
