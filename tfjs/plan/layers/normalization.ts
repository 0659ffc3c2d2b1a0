import { isFrozen, type LayerCall } from "../../forward.ts";
import type { Builder } from "../builder.ts";
import { type Block, type LayerVariable, sizeOf, type Value } from "../graph.ts";
import { PlanError } from "../plan_error.ts";
import { inSequence, permuted } from "./compose.ts";
import { reshape } from "./shape.ts";
import type { PlannedLayer } from "./types.ts";

interface BatchNormalization {
  axis: number;
  momentum: number;
  epsilon: number;
  gamma?: LayerVariable;
  beta?: LayerVariable;
  movingMean: LayerVariable;
  movingVariance: LayerVariable;
}

/**
 * `tf.layers.batchNormalization` over the last axis. A frozen layer uses its moving averages, as in
 * the uncompiled forward pass.
 */
export function planBatchNormalization(
  layer: BatchNormalization,
  [input]: Value[],
  builder: Builder,
  call: LayerCall,
): PlannedLayer {
  const { kernels, memory, isTraining } = builder;
  const { epsilon } = layer;
  // TensorFlow.js cannot train another axis, and predicts it with the averages of wrong channels.
  if (layer.axis !== -1 && layer.axis !== input.shape.length) {
    throw new PlanError(`BatchNormalization of axis ${layer.axis} is not compiled`);
  }
  if (isTraining && !(layer.gamma && layer.beta)) {
    throw new PlanError(
      "TensorFlow.js does not train a BatchNormalization without scale and center",
    );
  }
  const C = input.shape.at(-1)!;
  const gamma = layer.gamma && builder.weight(layer.gamma);
  const beta = layer.beta && builder.weight(layer.beta);
  const output = builder.value(input.shape, [input, gamma, beta]);
  const averages = [layer.movingMean, layer.movingVariance].map((variable) => ({
    variable,
    before: builder.stateOf(variable),
    batch: isTraining ? builder.fixed(C) : undefined,
    after: isTraining ? builder.changeState(variable, C) : undefined,
  }));
  const factor = builder.fixed(C);
  const positions = input.size / C;
  let usesAverages = true;
  /** Mean and variance used in this step. */
  const moments = () => averages.map(({ before, batch }) => usesAverages ? before : batch as Block);

  const inverse = builder.fixed(C);
  const products = builder.fixed(C);
  const ownSums = builder.fixed(C);
  const work = builder.scratch(2 * C);
  const inputGradient = builder.gradientOf(input);
  const gammaGradient = gamma && builder.weightGradientOf(gamma);
  const betaGradient = beta && builder.weightGradientOf(beta);
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        const M = rows * positions;
        const { data: { address: x } } = input;
        const { data: { address: y } } = output;
        usesAverages = !isTraining || isFrozen(call);
        const [mean, variance] = moments();
        if (!usesAverages) kernels.moments(M, C, x, mean.address, variance.address);
        for (const { before, batch, after } of averages) {
          if (after === undefined || batch === undefined) continue;
          const [old, to] = [before.address, after.address];
          if (usesAverages) kernels.copy(C, old, to);
          else kernels.movingAverage(C, old, batch.address, 1 - layer.momentum, to);
        }
        const [scale, offset] = [gamma?.data.address ?? 0, beta?.data.address ?? 0];
        kernels.overDeviation(C, variance.address, epsilon, scale, factor.address);
        kernels.normalize(M, C, x, mean.address, factor.address, offset, y);
      },
      backward(rows) {
        const M = rows * positions;
        const { data: { address: x } } = input;
        const { gradient: { address: dy } } = output;
        const [mean, variance] = moments();
        const sums = betaGradient ?? ownSums;
        kernels.columnSums(M, C, dy, sums.address);
        kernels.columnProducts(M, C, x, mean.address, dy, products.address);
        kernels.overDeviation(C, variance.address, epsilon, 0, inverse.address);
        if (gammaGradient) {
          kernels.scaleColumns(1, C, products.address, inverse.address, gammaGradient.address);
        }
        if (inputGradient === undefined) return;
        if (usesAverages) {
          return kernels.scaleColumns(M, C, dy, factor.address, inputGradient.address);
        }
        // deno-fmt-ignore
        kernels.normalizeGradient(
          M, C, x, mean.address, inverse.address, factor.address, sums.address, products.address,
          dy, inputGradient.address, work.address,
        );
      },
      commit() {
        if (usesAverages) return;
        for (const { variable, after } of averages) memory.assign(variable.read(), after as Block);
      },
    },
  };
}

interface LayerNormalization {
  axis: number[];
  epsilon: number;
  gamma: LayerVariable | null;
  beta: LayerVariable | null;
}

/** `tf.layers.layerNormalization`. */
export function planLayerNormalization(
  layer: LayerNormalization,
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const { length } = input.shape;
  // TensorFlow.js has made the axes positive.
  const normalized = layer.axis.toSorted((a, b) => a - b);
  const others = input.shape.map((_, i) => i + 1).filter((axis) => !normalized.includes(axis));
  return permuted(input, [...others, ...normalized], builder, (last) => {
    if (normalized.length === 1) return planLastNormalization(layer, last, builder);
    const { shape } = last;
    const size = sizeOf(shape.slice(length - normalized.length));
    const kept = shape.slice(0, length - normalized.length);
    const joined = reshape(last, [...kept, size], builder);
    const planned = planLastNormalization(layer, joined.outputs[0], builder);
    return inSequence(joined, planned, reshape(planned.outputs[0], shape, builder));
  });
}

function planLastNormalization(
  layer: LayerNormalization,
  input: Value,
  builder: Builder,
): PlannedLayer {
  const { kernels } = builder;
  const { epsilon } = layer;
  if (builder.isTraining && !(layer.gamma && layer.beta)) {
    throw new PlanError(
      "TensorFlow.js does not train a LayerNormalization without scale and center",
    );
  }
  const C = input.shape.at(-1)!;
  const positions = input.size / C;
  const gamma = layer.gamma === null ? undefined : builder.weight(layer.gamma);
  const beta = layer.beta === null ? undefined : builder.weight(layer.beta);
  const output = builder.value(input.shape, [input, gamma, beta]);
  const means = builder.perRow(positions);
  const inverses = builder.perRow(positions);
  const inputGradient = builder.gradientOf(input);
  const gammaGradient = gamma && builder.weightGradientOf(gamma);
  const betaGradient = beta && builder.weightGradientOf(beta);
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        const [factor, offset] = [gamma?.data.address ?? 0, beta?.data.address ?? 0];
        const { data: { address: y } } = output;
        const M = rows * positions;
        const { data: { address: x } } = input;
        // deno-fmt-ignore
        kernels.layerNormalize(
          M, C, x, factor, offset, epsilon, y, means.address, inverses.address,
        );
      },
      backward(rows) {
        const M = rows * positions;
        const { gradient: { address: dy } } = output;
        const { data: { address: x } } = input;
        const [mean, inverse] = [means.address, inverses.address];
        if (gammaGradient) {
          kernels.layerGammaGradient(M, C, x, mean, inverse, dy, gammaGradient.address);
        }
        if (betaGradient) kernels.columnSums(M, C, dy, betaGradient.address);
        if (inputGradient === undefined) return;
        const factor = gamma?.data.address ?? 0;
        kernels.layerNormalizeGradient(M, C, x, factor, mean, inverse, dy, inputGradient.address);
      },
    },
  };
}
