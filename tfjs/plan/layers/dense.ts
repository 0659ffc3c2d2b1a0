import type { Activation } from "../activations.ts";
import type { Builder } from "../builder.ts";
import type { LayerVariable, Value } from "../graph.ts";
import { multiply } from "../matrices.ts";
import { activated } from "./activation.ts";
import type { PlannedLayer } from "./types.ts";

interface Dense {
  kernel: LayerVariable;
  bias: LayerVariable | null;
  activation: Activation | null;
}

/** `tf.layers.dense`, for inputs of any rank. */
export function planDense(layer: Dense, [input]: Value[], builder: Builder): PlannedLayer {
  const { kernels } = builder;
  const kernel = builder.weight(layer.kernel);
  const bias = layer.bias === null ? undefined : builder.weight(layer.bias);
  const [K, N] = kernel.shape;
  const positions = input.size / K;
  const output = builder.value([...input.shape.slice(0, -1), N], [input, kernel, bias]);
  const { sums, isRelu, activate } = activated(layer.activation, output, builder);
  const product = multiply(builder, K, N);
  const inputGradient = builder.gradientOf(input);
  const kernelGradient = builder.weightGradientOf(kernel);
  const biasGradient = bias && builder.weightGradientOf(bias);
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        const biasAddress = bias?.data.address ?? 0;
        product.forward(rows * positions, input.data, kernel.data, sums, biasAddress, isRelu);
        if (!isRelu) activate?.forward(rows);
      },
      backward(rows) {
        activate?.backward(rows);
        const M = rows * positions;
        const { gradient } = output;
        if (kernelGradient) product.weightGradient(M, input.data, gradient, kernelGradient);
        if (biasGradient) kernels.columnSums(M, N, gradient.address, biasGradient.address);
        if (inputGradient) product.inputGradient(M, gradient, kernel.data, inputGradient);
      },
    },
  };
}
