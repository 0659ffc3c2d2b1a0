import type { Builder } from "../builder.ts";
import { sizeOf, type Value } from "../graph.ts";
import { axisLast, inSequence } from "./compose.ts";
import { planPermute } from "./rearrange.ts";
import type { PlannedLayer } from "./types.ts";

/** `tf.layers.flatten`. */
export function planFlatten(
  { dataFormat }: { dataFormat?: string },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const { length } = input.shape;
  if (dataFormat !== "channelsFirst" || length < 2) return reshape(input, [input.size], builder);
  const moved = planPermute({ dims: axisLast(1, length) }, [input], builder);
  return inSequence(moved, reshape(moved.outputs[0], [input.size], builder));
}

/** `tf.layers.reshape`. */
export function planReshape(
  { targetShape }: { targetShape: (number | null)[] },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const known = sizeOf(targetShape.map((size) => size ?? 1));
  return reshape(input, targetShape.map((size) => size ?? input.size / known), builder);
}

/** The identity: an input layer, or dropout in inference. */
export function planIdentity(_: unknown, [input]: Value[], builder: Builder): PlannedLayer {
  return reshape(input, input.shape, builder);
}

/** The values of an input as rows of another shape. */
export function reshape(input: Value, shape: readonly number[], builder: Builder): PlannedLayer {
  const { value, operation } = builder.reshaped(input, shape);
  return { outputs: [value], operation };
}
