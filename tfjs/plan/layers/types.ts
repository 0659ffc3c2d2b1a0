import type { LayerCall } from "../../forward.ts";
import type { Block, Builder, Operation, Value } from "../builder.ts";

/** A call of a layer in a plan. */
export interface PlannedLayer {
  outputs: Value[];
  /**
   * For each output, 1 for the steps of a row that count and 0 for the others. Default: those of the
   * input, where the layer passes them on.
   */
  masks?: (Block | undefined)[];
  operation: Operation;
}

/**
 * Plans a call of a layer of TensorFlow.js.
 *
 * @param call the call in the model, for what is asked in each step
 * @throws PlanError when the layer is configured in a way that is not compiled
 */
export type LayerPlanner = (
  // deno-lint-ignore no-explicit-any -- each planner knows the private fields of its layer
  layer: any,
  inputs: Value[],
  builder: Builder,
  call: LayerCall,
) => PlannedLayer;
