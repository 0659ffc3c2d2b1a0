import type { Builder } from "../builder.ts";
import type { LayerVariable, Value } from "../graph.ts";
import { multiply } from "../matrices.ts";
import { type LinearLayer, planLinear } from "./linear.ts";
import type { PlannedLayer } from "./types.ts";

/** `tf.layers.dense`, for inputs of any rank. */
export function planDense(
  layer: LinearLayer & { kernel: LayerVariable },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const kernel = builder.weight(layer.kernel);
  const [K, N] = kernel.shape;
  const shape = [...input.shape.slice(0, -1), N];
  const product = multiply(builder, K, N);
  return planLinear(layer, input, kernel, shape, builder, product, { positions: input.size / K });
}
