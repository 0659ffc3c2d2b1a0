import type * as tf from "@tensorflow/tfjs";
import {
  type CompiledMetric,
  compiledMetrics,
  directionsOf,
  type LossArgument,
  type TensorFunction,
} from "./compiled_metrics.ts";
import {
  isDisposed,
  type NetworkInternals,
  networkOf,
  type NetworkSignature,
  signatureOf,
} from "./network.ts";

/** The compiled state of a model, in tfjs's order. */
export interface Compiled extends NetworkSignature {
  losses: TensorFunction[];
  /** Shape of each output's targets; undefined for a custom loss, which may take any. */
  targetShapes: ((number | null)[] | undefined)[];
  /** Name of each output's loss; undefined for a custom function. */
  lossNames: (string | undefined)[];
  metrics: CompiledMetric[];
  /** Direction in which each log key improves, if its metric declares one. */
  directions: Record<string, "min" | "max">;
}

/**
 * The compiled state of a model.
 *
 * @throws TypeError when the model is not compiled
 */
export function compiledParts(model: tf.LayersModel, verb: string): Compiled {
  const network = networkOf(model, verb);
  const internals = network as unknown as NetworkInternals;
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
  { outputNames, lossFunctions = [], metrics, optimizer }: NetworkInternals,
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
  if (optimizer !== undefined && verb === "fit" && isOptimizerDisposed(optimizer)) {
    throw new TypeError(
      `Cannot fit: the optimizer ${optimizer.getClassName()} is disposed; compile the model with a ` +
        `new one`,
    );
  }
}

/** The disposed part of a model that a run needs, for messages; undefined if there is none. */
export function disposedPart(model: tf.LayersModel): string | undefined {
  if (isDisposed(model)) return "the model";
  const { optimizer } = model;
  if (!optimizer || !isOptimizerDisposed(optimizer)) return undefined;
  return `the optimizer ${optimizer.getClassName()}`;
}

/** Whether an optimizer has disposed one of its variables or constants. */
function isOptimizerDisposed(optimizer: tf.Optimizer): boolean {
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
