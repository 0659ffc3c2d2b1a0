import type { LayerCall } from "../../forward.ts";
import type { Builder } from "../builder.ts";
import type { Block, Operation, Value } from "../graph.ts";

/** A call of a layer in a plan. */
export interface PlannedLayer {
  outputs: Value[];
  /**
   * Mask of each output: 1 for each time step that counts, 0 otherwise. Default: the mask of the
   * input if the layer passes it on.
   */
  masks?: (Block | undefined)[];
  operation: Operation;
}

/**
 * Plans a call of a layer of TensorFlow.js.
 *
 * @param call the call in the model, for settings read in each step
 * @throws PlanError when the layer's configuration is not supported
 */
export type LayerPlanner = (
  // deno-lint-ignore no-explicit-any -- each planner knows the private fields of its layer
  layer: any,
  inputs: Value[],
  builder: Builder,
  call: LayerCall,
) => PlannedLayer;
