import { type Builder, type LayerVariable, PlanError, type Value } from "../builder.ts";
import type { PlannedLayer } from "./types.ts";

/** `tf.layers.embedding`. */
export function planEmbedding(
  layer: { embeddings: LayerVariable; maskZero?: boolean | null },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const { kernels } = builder;
  if (layer.maskZero && input.shape.length !== 1) {
    throw new PlanError("the mask of an embedding of several axes is not compiled");
  }
  const table = builder.weight(layer.embeddings);
  const [count, columns] = table.shape;
  const output = builder.value([...input.shape, columns], [table]);
  const mask = layer.maskZero ? builder.perRow(input.size) : undefined;
  const to = builder.weightGradientOf(table);
  return {
    outputs: [output],
    masks: [mask],
    operation: {
      forward(rows) {
        const { address } = input.data;
        const n = rows * input.size;
        const wrong = kernels.embed(
          n,
          columns,
          count,
          address,
          table.data.address,
          output.data.address,
          mask?.address ?? 0,
        );
        if (wrong >= 0) {
          throw new RangeError(
            `Cannot compute an embedding: expected whole numbers from 0 to ${count - 1}, got ` +
              `${builder.memory.floats()[(address >> 2) + wrong]}`,
          );
        }
      },
      backward(rows) {
        if (to === undefined) return;
        kernels.zero(table.size, to.address);
        const n = rows * input.size;
        kernels.embedGradient(n, columns, input.data.address, output.gradient.address, to.address);
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
    throw new PlanError("a mask of other than rows, steps and features is not compiled");
  }
  const output = builder.value(input.shape, [input]);
  const mask = builder.perRow(steps);
  const to = builder.gradientOf(input);
  return {
    outputs: [output],
    masks: [mask],
    operation: {
      forward(rows) {
        const all = rows * steps;
        kernels.maskSteps(all, columns, maskValue, input.data.address, mask.address);
        kernels.scaleRows(all, columns, mask.address, input.data.address, output.data.address);
      },
      backward(rows) {
        if (to === undefined) return;
        kernels.scaleRows(rows * steps, columns, mask.address, output.gradient.address, to.address);
      },
    },
  };
}
