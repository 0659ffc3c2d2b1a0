import type { Builder, Operation, Value } from "../builder.ts";

/** A call of a layer in a plan. */
export interface PlannedLayer {
  outputs: Value[];
  operation: Operation;
}

/**
 * Plans a call of a layer of TensorFlow.js.
 *
 * @throws NotPlanned when the layer is configured in a way that is not compiled
 */
// deno-lint-ignore no-explicit-any -- each planner knows the private fields of its layer
export type LayerPlanner = (layer: any, inputs: Value[], builder: Builder) => PlannedLayer;
