import type { Activation } from "../activations.ts";
import type { Builder } from "../builder.ts";
import type { Block, LayerVariable, Value, Weight } from "../graph.ts";
import type { LinearGradients, LinearMap } from "../linear_map.ts";
import type { Axes } from "../windows.ts";
import { activated } from "./activation.ts";
import type { PlannedLayer } from "./types.ts";

/** Fields shared by the layers of TensorFlow.js that are linear but for their activation. */
export interface LinearLayer {
  bias: LayerVariable | null;
  activation: Activation | null;
}

/** Options of {@linkcode planLinear}. */
export interface LinearOptions {
  /** Rows of the map per row of a batch. Default: 1. */
  positions?: number;
  /** Whether the map can apply relu. Default: true. */
  fusesRelu?: boolean;
}

/**
 * Plan a layer that computes a linear map, adds a bias and applies an activation.
 *
 * @param shape shape of one row of the output
 */
export function planLinear(
  layer: LinearLayer,
  input: Value,
  kernel: Weight,
  shape: readonly number[],
  builder: Builder,
  map: LinearMap,
  { positions = 1, fusesRelu = true }: LinearOptions = {},
): PlannedLayer {
  const { kernels } = builder;
  const bias = layer.bias === null ? undefined : builder.weight(layer.bias);
  const output = builder.value(shape, [input, kernel, bias]);
  const { sums, isRelu, activate, activateMaxima } = activated(layer.activation, output, builder);
  const isFused = isRelu && fusesRelu;
  const inputGradient = builder.gradientOf(input);
  const kernelGradient = builder.weightGradientOf(kernel);
  const biasGradient = bias && builder.weightGradientOf(bias);
  const N = shape.at(-1)!;
  let source: Source = {
    value: output,
    gradient: output.gradient,
    map,
    prepare: (rows) => activate?.backward(rows),
  };
  let { forward } = map;
  const restrict = (pool: Axes) => void (forward = map.forwardWithin?.(pool) ?? map.forward);
  builder.offerPooling(output, {
    restrict,
    maxima(pool) {
      const maxima = activateMaxima && map.maxima?.(pool);
      return maxima && ((value) => {
        restrict(pool);
        const activate = activateMaxima(value);
        source = {
          value,
          gradient: maxima.lists,
          map: maxima,
          prepare(rows) {
            activate?.backward(rows);
            maxima.list(rows, value.gradient);
          },
        };
        return (rows) => maxima.find(rows, output.data, value.data);
      });
    },
  });
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        const biasAddress = bias?.data.address ?? 0;
        forward(rows * positions, input.data, kernel.data, sums, biasAddress, isFused);
        if (!isFused) activate?.forward(rows);
      },
      backward(rows) {
        const { value, gradient, map, prepare } = source;
        prepare(rows);
        const M = rows * positions;
        if (kernelGradient) map.weightGradient(M, input.data, gradient, kernelGradient);
        if (biasGradient) {
          const { address } = value.gradient;
          kernels.columnSums(rows * value.size / N, N, address, biasGradient.address);
        }
        if (inputGradient) map.inputGradient(M, gradient, kernel.data, inputGradient);
      },
    },
  };
}

/** Where the backward pass of a linear layer starts. */
interface Source {
  /** Values whose gradient is known. */
  value: Value;
  /** Their gradient as the map reads it. */
  gradient: Block;
  map: LinearGradients;
  /** Compute {@linkcode Source.gradient}. */
  prepare(rows: number): void;
}
