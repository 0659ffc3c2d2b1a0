import { isFrozen, type LayerCall } from "../../forward.ts";
import { type Block, type Builder, type LayerVariable, PlanError, type Value } from "../builder.ts";
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
 * `tf.layers.batchNormalization` of the last axis. A frozen one uses its moving averages, as in the
 * forward pass of this package.
 */
export function planBatchNormalization(
  layer: BatchNormalization,
  [input]: Value[],
  builder: Builder,
  call: LayerCall,
): PlannedLayer {
  const { kernels, memory, isTraining } = builder;
  const { epsilon } = layer;
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
  /** Mean and variance of this step. */
  const moments = () => averages.map(({ before, batch }) => usesAverages ? before : batch as Block);

  const inverse = builder.fixed(C);
  const products = builder.fixed(C);
  const ownSums = builder.fixed(C);
  const work = builder.scratch(2 * C);
  const to = builder.gradientOf(input);
  const gammaGradient = gamma && builder.weightGradientOf(gamma);
  const betaGradient = beta && builder.weightGradientOf(beta);
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        const M = rows * positions;
        const { address } = input.data;
        usesAverages = !isTraining || isFrozen(call);
        const [mean, variance] = moments();
        if (!usesAverages) kernels.moments(M, C, address, mean.address, variance.address);
        for (const { before, batch, after } of averages) {
          if (after === undefined || batch === undefined) continue;
          if (usesAverages) kernels.copy(C, before.address, after.address);
          else {kernels.movingAverage(
              C,
              before.address,
              batch.address,
              1 - layer.momentum,
              after.address,
            );}
        }
        kernels.overDeviation(
          C,
          variance.address,
          epsilon,
          gamma?.data.address ?? 0,
          factor.address,
        );
        const offset = beta?.data.address ?? 0;
        kernels.normalize(M, C, address, mean.address, factor.address, offset, output.data.address);
      },
      backward(rows) {
        const M = rows * positions;
        const { gradient: { address: dy } } = output;
        const { address } = input.data;
        const [mean, variance] = moments();
        const sums = betaGradient ?? ownSums;
        kernels.columnSums(M, C, dy, sums.address);
        kernels.columnProducts(M, C, address, mean.address, dy, products.address);
        kernels.overDeviation(C, variance.address, epsilon, 0, inverse.address);
        if (gammaGradient) {
          kernels.scaleColumns(1, C, products.address, inverse.address, gammaGradient.address);
        }
        if (to === undefined) return;
        if (usesAverages) return kernels.scaleColumns(M, C, dy, factor.address, to.address);
        // deno-fmt-ignore
        kernels.normalizeGradient(
          M, C, address, mean.address, inverse.address, factor.address, sums.address, products.address, dy, to.address, work.address,
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

/** `tf.layers.layerNormalization` of the last axis. */
export function planLayerNormalization(
  layer: LayerNormalization,
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const { kernels } = builder;
  const { epsilon, axis } = layer;
  if (axis.length !== 1 || axis[0] !== input.shape.length) {
    throw new PlanError(`LayerNormalization of the axes ${axis} is not compiled`);
  }
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
  const to = builder.gradientOf(input);
  const gammaGradient = gamma && builder.weightGradientOf(gamma);
  const betaGradient = beta && builder.weightGradientOf(beta);
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        const [factor, offset] = [gamma?.data.address ?? 0, beta?.data.address ?? 0];
        const { data: { address: y } } = output;
        const M = rows * positions;
        const { address } = input.data;
        kernels.layerNormalize(
          M,
          C,
          address,
          factor,
          offset,
          epsilon,
          y,
          means.address,
          inverses.address,
        );
      },
      backward(rows) {
        const M = rows * positions;
        const { gradient: { address: dy } } = output;
        const { address } = input.data;
        if (gammaGradient) {
          kernels.layerGammaGradient(
            M,
            C,
            address,
            means.address,
            inverses.address,
            dy,
            gammaGradient.address,
          );
        }
        if (betaGradient) kernels.columnSums(M, C, dy, betaGradient.address);
        if (to === undefined) return;
        const factor = gamma?.data.address ?? 0;
        kernels.layerNormalizeGradient(
          M,
          C,
          address,
          factor,
          means.address,
          inverses.address,
          dy,
          to.address,
        );
      },
    },
  };
}
