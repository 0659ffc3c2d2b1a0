import type { Builder } from "../builder.ts";
import type { Value } from "../graph.ts";
import { planPermute } from "./rearrange.ts";
import type { PlannedLayer } from "./types.ts";

/** Planned layers as one layer, each computed from the output of the one before it. */
export function inSequence(...parts: PlannedLayer[]): PlannedLayer {
  const operations = parts.map(({ operation }) => operation);
  const { outputs, masks } = parts.at(-1)!;
  const commits = operations.filter(({ commit }) => commit !== undefined);
  return {
    outputs,
    masks,
    operation: {
      forward(rows) {
        for (const { forward } of operations) forward(rows);
      },
      backward(rows) {
        for (const { backward } of operations.toReversed()) backward?.(rows);
      },
      ...(commits.length > 0 && {
        commit() {
          for (const { commit } of commits) commit?.();
        },
      }),
    },
  };
}

/**
 * Plan a layer on an input whose axes are permuted, and permute its output back.
 *
 * @param dims axes of the input, counted from 1, in the order in which the layer reads them
 * @param plan plans the layer; an output with fewer axes is not permuted back
 */
export function permuted(
  input: Value,
  dims: readonly number[],
  builder: Builder,
  plan: (input: Value) => PlannedLayer,
): PlannedLayer {
  if (dims.every((dim, i) => dim === i + 1)) return plan(input);
  const before = planPermute({ dims }, [input], builder);
  const planned = plan(before.outputs[0]);
  const [output] = planned.outputs;
  if (output.shape.length < dims.length) return inSequence(before, planned);
  const back = dims.map((_, i) => dims.indexOf(i + 1) + 1);
  return inSequence(before, planned, planPermute({ dims: back }, [output], builder));
}

/** Axes of a row, counted from 1, with one of them moved to the end. */
export function axisLast(axis: number, rank: number): number[] {
  const others = Array.from({ length: rank }, (_, i) => i + 1).filter((one) => one !== axis);
  return [...others, axis];
}
