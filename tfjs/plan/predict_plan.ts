import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "../engine.ts";
import type { PlanMemory } from "./memory.ts";
import {
  feedInputs,
  feedWeights,
  type HostRows,
  planLayers,
  shapeError,
  toTensor,
} from "./plan.ts";

/** The values of each input. */
export type PlanInputs = readonly (tf.Tensor | HostRows)[];

/** A forward pass in inference mode as a fixed list of kernel calls. */
export interface PredictPlan {
  /** Reason why the plan cannot compute these inputs; undefined if it can. */
  rejection(inputs: PlanInputs): string | undefined;
  /** The outputs as new tensors. */
  compute(inputs: PlanInputs): tf.Tensor[];
  /** Release the plan's memory. */
  dispose(): void;
}

/**
 * Plan the forward pass of a model.
 *
 * @throws PlanError when a layer or its configuration is not supported
 */
export function planPrediction(
  engine: Engine,
  network: tf.LayersModel,
  memory: PlanMemory,
): PredictPlan {
  const { builder, arena, inputs, operations, outputs } = planLayers(network, memory);
  const { weights } = builder;
  return {
    rejection: (given) => shapeError("an input", given, inputs),
    compute(given) {
      const [rows] = given[0].shape;
      arena.reserve(rows);
      while (!feedInputs(memory, given, inputs)) {
        arena.invalidate();
        arena.reserve(rows);
      }
      feedWeights(memory, weights);
      for (const { forward } of operations) forward(rows);
      return outputs.map(({ data, shape }) => toTensor(engine, memory, data, [rows, ...shape]));
    },
    dispose() {
      arena.free();
      memory.release();
    },
  };
}
