import type { Builder } from "../builder.ts";
import type { LayerVariable, Value } from "../graph.ts";
import { PlanError } from "../plan_error.ts";
import type { PlannedLayer } from "./types.ts";
import { planUnary } from "./unary.ts";

/** `tf.layers.embedding`. */
export function planEmbedding(
  layer: { embeddings: LayerVariable; maskZero?: boolean | null },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const { kernels } = builder;
  if (layer.maskZero && input.shape.length !== 1) {
    throw new PlanError("Embedding with maskZero is compiled for one axis only");
  }
  const table = builder.weight(layer.embeddings);
  const [count, columns] = table.shape;
  const output = builder.value([...input.shape, columns], [table]);
  const mask = layer.maskZero ? builder.perRow(input.size) : undefined;
  const tableGradient = builder.weightGradientOf(table);
  return {
    outputs: [output],
    masks: [mask],
    operation: {
      forward(rows) {
        const { data: { address: x } } = input;
        const { data: { address: y } } = output;
        const n = rows * input.size;
        const maskAddress = mask?.address ?? 0;
        const wrong = kernels.embed(n, columns, count, x, table.data.address, y, maskAddress);
        if (wrong >= 0) {
          throw new RangeError(
            `Cannot compute an embedding: expected whole numbers from 0 to ${count - 1}, got ` +
              `${builder.memory.floats()[(x >> 2) + wrong]}`,
          );
        }
      },
      backward(rows) {
        if (tableGradient === undefined) return;
        kernels.zero(table.size, tableGradient.address);
        const { data: { address: x } } = input;
        const { gradient: { address: dy } } = output;
        kernels.embedGradient(rows * input.size, columns, x, dy, tableGradient.address);
      },
    },
  };
}

/** `tf.layers.masking`. */
export function planMasking(
  { maskValue }: { maskValue: number },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const { kernels } = builder;
  const [steps, columns] = input.shape;
  if (input.shape.length !== 2) {
    throw new PlanError("Masking of inputs that are not [steps, features] is not compiled");
  }
  const mask = builder.perRow(steps);
  const masked = planUnary(input, input.shape, builder, {
    forward(rows, x, y) {
      kernels.maskSteps(rows * steps, columns, maskValue, x, mask.address);
      kernels.scaleRows(rows * steps, columns, mask.address, x, y);
    },
    backward: (rows, dy, dx) => kernels.scaleRows(rows * steps, columns, mask.address, dy, dx),
  });
  return { ...masked, masks: [mask] };
}
