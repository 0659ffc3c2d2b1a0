import type { LayerCall } from "../../forward.ts";
import { alphaConstants, drawsNoise, dropLimit, keepFactor, stddevOfRate } from "../../noise.ts";
import type { Builder } from "../builder.ts";
import { sizeOf, type Value } from "../graph.ts";
import { PlanError } from "../plan_error.ts";
import { indices } from "./rearrange.ts";
import { planIdentity } from "./shape.ts";
import type { PlannedLayer } from "./types.ts";

interface Dropout {
  rate: number;
  noiseShape?: (number | null)[] | null;
}

/** `tf.layers.dropout`. */
export function planDropout(
  layer: Dropout,
  [input]: Value[],
  builder: Builder,
  call: LayerCall,
): PlannedLayer {
  const shape = layer.noiseShape ?? undefined;
  return planFactors(layer, shape, input, builder, call);
}

/** `tf.layers.spatialDropout1d`. */
export function planSpatialDropout1D(
  layer: Dropout,
  [input]: Value[],
  builder: Builder,
  call: LayerCall,
): PlannedLayer {
  return planFactors(layer, [null, 1, null], input, builder, call);
}

function planFactors(
  layer: Dropout,
  noiseShape: (number | null)[] | undefined,
  input: Value,
  builder: Builder,
  call: LayerCall,
): PlannedLayer {
  if (!isActive(layer, builder)) return planIdentity(layer, [input], builder);
  const keyOf = builder.noise(call);
  const limit = dropLimit(layer.rate);
  const factor = keepFactor(layer.rate);
  const { kernels } = builder;
  const output = builder.value(input.shape, [input]);
  const inputGradient = builder.gradientOf(input);
  const multiply = (n: number, x: number, y: number): void => {
    const { first, second } = keyOf();
    kernels.dropout(n, first, second, limit, factor, x, y);
  };
  const spread = noiseShape && planSpread(noiseShape, input.shape, builder);
  if (spread === undefined) {
    return {
      outputs: [output],
      operation: {
        forward: (rows) => multiply(rows * input.size, input.data.address, output.data.address),
        backward(rows) {
          // The same key draws the same mask again.
          if (inputGradient !== undefined) {
            multiply(rows * input.size, output.gradient.address, inputGradient.address);
          }
        },
      },
    };
  }
  const factors = builder.perRow(input.size);
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        spread(rows, (n, at) => multiply(n, 0, at), factors.address);
        kernels.multiply(
          rows * input.size,
          input.data.address,
          factors.address,
          output.data.address,
        );
      },
      backward(rows) {
        if (inputGradient === undefined) return;
        kernels.multiply(
          rows * input.size,
          output.gradient.address,
          factors.address,
          inputGradient.address,
        );
      },
    },
  };
}

/** Broadcast noise of `noiseShape` to the shape of a row; undefined if the shapes are equal. */
function planSpread(
  [rowsOfNoise, ...shape]: (number | null)[],
  full: readonly number[],
  builder: Builder,
) {
  const sizes = full.map((size, axis) => shape[axis] ?? size);
  const isShared = rowsOfNoise === 1;
  if (
    shape.length !== full.length || (rowsOfNoise !== null && !isShared) ||
    sizes.some((size, axis) => size !== 1 && size !== full[axis])
  ) throw new PlanError(`the noiseShape [${[rowsOfNoise, ...shape]}] is not compiled`);
  if (!isShared && `${sizes}` === `${full}`) return undefined;
  const count = sizeOf(sizes);
  const drawn = builder.perRow(count);
  const steps = sizes.map((size, axis) => size === 1 ? 0 : sizeOf(sizes.slice(axis + 1)));
  const map = builder.constants(indices(full, steps));
  return (rows: number, draw: (n: number, at: number) => void, to: number): void => {
    draw(isShared ? count : rows * count, drawn.address);
    builder.kernels.gather(rows, map.size, map.address, drawn.address, isShared ? 0 : count, to);
  };
}

/** `tf.layers.gaussianNoise`. */
export function planGaussianNoise(
  layer: { stddev: number },
  [input]: Value[],
  builder: Builder,
  call: LayerCall,
): PlannedLayer {
  if (!isActive(layer, builder)) return planIdentity(layer, [input], builder);
  const keyOf = builder.noise(call);
  const { kernels } = builder;
  const output = builder.value(input.shape, [input]);
  const inputGradient = builder.gradientOf(input);
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        const { first, second } = keyOf();
        kernels.gaussian(rows * input.size, first, second, 0, layer.stddev, output.data.address);
        kernels.add(rows * input.size, input.data.address, output.data.address);
      },
      backward(rows) {
        if (inputGradient !== undefined) {
          kernels.copy(rows * input.size, output.gradient.address, inputGradient.address);
        }
      },
    },
  };
}

/** `tf.layers.gaussianDropout`. */
export function planGaussianDropout(
  layer: { rate: number },
  [input]: Value[],
  builder: Builder,
  call: LayerCall,
): PlannedLayer {
  if (!isActive(layer, builder)) return planIdentity(layer, [input], builder);
  const keyOf = builder.noise(call);
  const stddev = stddevOfRate(layer.rate);
  const { kernels } = builder;
  const output = builder.value(input.shape, [input]);
  const factors = builder.perRow(input.size);
  const inputGradient = builder.gradientOf(input);
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        const { first, second } = keyOf();
        kernels.gaussian(rows * input.size, first, second, 1, stddev, factors.address);
        kernels.multiply(
          rows * input.size,
          input.data.address,
          factors.address,
          output.data.address,
        );
      },
      backward(rows) {
        if (inputGradient === undefined) return;
        kernels.multiply(
          rows * input.size,
          output.gradient.address,
          factors.address,
          inputGradient.address,
        );
      },
    },
  };
}

/** `tf.layers.alphaDropout`. */
export function planAlphaDropout(
  layer: Dropout,
  [input]: Value[],
  builder: Builder,
  call: LayerCall,
): PlannedLayer {
  if (!isActive(layer, builder)) return planIdentity(layer, [input], builder);
  if (layer.noiseShape) throw new PlanError("alpha dropout with a noiseShape is not compiled");
  const keyOf = builder.noise(call);
  const limit = dropLimit(layer.rate);
  const { low, a, b } = alphaConstants(layer.rate);
  const { kernels } = builder;
  const output = builder.value(input.shape, [input]);
  const inputGradient = builder.gradientOf(input);
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        const { first, second } = keyOf();
        const n = rows * input.size;
        kernels.alphaDropout(
          n,
          first,
          second,
          limit,
          low,
          a,
          b,
          input.data.address,
          output.data.address,
        );
      },
      backward(rows) {
        if (inputGradient === undefined) return;
        const { first, second } = keyOf();
        const n = rows * input.size;
        kernels.dropout(n, first, second, limit, a, output.gradient.address, inputGradient.address);
      },
    },
  };
}

/**
 * Whether a layer is active in the planned steps.
 *
 * @throws PlanError for a layer with its own seed
 */
function isActive(layer: object, builder: Builder): boolean {
  if (!builder.isTraining) return false;
  const { seed } = layer as { seed?: number | null };
  if ((seed ?? undefined) !== undefined) {
    throw new PlanError("a layer with its own seed is not compiled");
  }
  return drawsNoise(layer);
}
