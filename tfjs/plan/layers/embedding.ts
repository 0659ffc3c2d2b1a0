import { type Builder, type LayerVariable, NotPlanned, type Value } from "../builder.ts";
import type { PlannedLayer } from "./types.ts";

/** `tf.layers.embedding`. */
export function planEmbedding(
  layer: { embeddings: LayerVariable; maskZero?: boolean | null },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const { kernels } = builder;
  if (layer.maskZero && input.shape.length !== 1) {
    throw new NotPlanned("the mask of an embedding of several axes is not compiled");
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
        const { at } = input.data;
        const n = rows * input.size;
        const wrong = kernels.embed(
          n,
          columns,
          count,
          at,
          table.data.at,
          output.data.at,
          mask?.at ?? 0,
        );
        if (wrong >= 0) {
          throw new RangeError(
            `Cannot compute an embedding: expected whole numbers from 0 to ${count - 1}, got ` +
              `${builder.memory.floats()[(at >> 2) + wrong]}`,
          );
        }
      },
      backward(rows) {
        if (to === undefined) return;
        kernels.zero(table.size, to.at);
        const n = rows * input.size;
        kernels.embedGradient(n, columns, input.data.at, output.gradient.at, to.at);
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
    throw new NotPlanned("a mask of other than rows, steps and features is not compiled");
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
        kernels.maskSteps(all, columns, maskValue, input.data.at, mask.at);
        kernels.scaleRows(all, columns, mask.at, input.data.at, output.data.at);
      },
      backward(rows) {
        if (to === undefined) return;
        kernels.scaleRows(rows * steps, columns, mask.at, output.gradient.at, to.at);
      },
    },
  };
}
