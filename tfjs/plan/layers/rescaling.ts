import type { Builder } from "../builder.ts";
import type { Value } from "../graph.ts";
import { PlanError } from "../plan_error.ts";
import type { PlannedLayer } from "./types.ts";
import { planUnary } from "./unary.ts";

/** `tf.layers.rescaling`. */
export function planRescaling(
  { scale, offset }: { scale: number; offset: number },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  if (typeof scale !== "number" || typeof offset !== "number") {
    throw new PlanError("a rescaling with several numbers is not compiled");
  }
  const { kernels } = builder;
  const constants = builder.constants(new Int32Array(Float32Array.of(0, scale, offset).buffer));
  return planUnary(input, input.shape, builder, {
    forward(rows, x, y) {
      const { address } = constants;
      kernels.normalize(rows * input.size, 1, x, address, address + 4, address + 8, y);
    },
    backward: (rows, dy, dx) => kernels.scale(rows * input.size, scale, dy, dx),
  });
}
