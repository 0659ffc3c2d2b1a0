import type { Activation } from "../activations.ts";
import { PlanError } from "../plan_error.ts";
import { axisLast, permuted } from "./compose.ts";
import type { LayerPlanner } from "./types.ts";

/** Activations that depend on the order of the axes. */
const alongLastAxis = ["softmax", "logSoftmax"];

/**
 * Extend a planner for channels last to layers with channels first.
 *
 * @param planner plans a layer with `channelsLast`
 */
export function eitherChannels(planner: LayerPlanner): LayerPlanner {
  return (layer, [input], builder, call) => {
    if (layer.dataFormat !== "channelsFirst") return planner(layer, [input], builder, call);
    const activation = layer.activation as Activation | null | undefined;
    if (alongLastAxis.includes(activation?.getClassName() ?? "")) {
      throw new PlanError("an activation along an axis of channelsFirst is not compiled");
    }
    return permuted(
      input,
      axisLast(1, input.shape.length),
      builder,
      (last) => planner({ ...layer, dataFormat: "channelsLast" }, [last], builder, call),
    );
  };
}
