import type { LayerCall } from "../../forward.ts";
import {
  alphaConstants,
  drawsNoise,
  dropLimit,
  keepFactor,
  type NoiseKey,
  stddevOfRate,
} from "../../noise.ts";
import type { Builder } from "../builder.ts";
import { type Block, sizeOf, type Value } from "../graph.ts";
import { PlanError } from "../plan_error.ts";
import { indices } from "./rearrange.ts";
import { planIdentity } from "./shape.ts";
import type { PlannedLayer } from "./types.ts";
import { planUnary, type UnaryOperation } from "./unary.ts";

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
  return planFactors(layer, layer.noiseShape ?? undefined, input, builder, call);
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
  return planNoise(layer, input, builder, call, (keyOf) => {
    const { kernels } = builder;
    const limit = dropLimit(layer.rate);
    const factor = keepFactor(layer.rate);
    const drop = (n: number, x: number, y: number): void => {
      const { first, second } = keyOf();
      kernels.dropout(n, first, second, limit, factor, x, y);
    };
    const broadcast = noiseShape && planBroadcast(noiseShape, input.shape, builder);
    if (broadcast === undefined) {
      return {
        forward: (rows, x, y) => drop(rows * input.size, x, y),
        // The same key drops the same values again.
        backward: (rows, dy, dx) => drop(rows * input.size, dy, dx),
      };
    }
    const factors = builder.perRow(input.size);
    return multiplication(
      input,
      factors,
      builder,
      (rows) => broadcast(rows, (n, to) => drop(n, 0, to), factors.address),
    );
  });
}

/** Broadcast noise of `noiseShape` to the shape of a row; undefined if the shapes are equal. */
function planBroadcast(
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
  return (rows: number, draw: (n: number, to: number) => void, to: number): void => {
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
  const { kernels } = builder;
  return planNoise(layer, input, builder, call, (keyOf) => ({
    forward(rows, x, y) {
      const { first, second } = keyOf();
      kernels.gaussian(rows * input.size, first, second, 0, layer.stddev, y);
      kernels.add(rows * input.size, x, y);
    },
    backward: (rows, dy, dx) => kernels.copy(rows * input.size, dy, dx),
  }));
}

/** `tf.layers.gaussianDropout`. */
export function planGaussianDropout(
  layer: { rate: number },
  [input]: Value[],
  builder: Builder,
  call: LayerCall,
): PlannedLayer {
  return planNoise(layer, input, builder, call, (keyOf) => {
    const stddev = stddevOfRate(layer.rate);
    const factors = builder.perRow(input.size);
    return multiplication(input, factors, builder, (rows) => {
      const { first, second } = keyOf();
      const n = rows * input.size;
      builder.kernels.gaussian(n, first, second, 1, stddev, factors.address);
    });
  });
}

/** `tf.layers.alphaDropout`. */
export function planAlphaDropout(
  layer: Dropout,
  [input]: Value[],
  builder: Builder,
  call: LayerCall,
): PlannedLayer {
  const { kernels } = builder;
  return planNoise(layer, input, builder, call, (keyOf) => {
    if (layer.noiseShape) throw new PlanError("alpha dropout with a noiseShape is not compiled");
    const limit = dropLimit(layer.rate);
    const { low, a, b } = alphaConstants(layer.rate);
    return {
      forward(rows, x, y) {
        const { first, second } = keyOf();
        kernels.alphaDropout(rows * input.size, first, second, limit, low, a, b, x, y);
      },
      backward(rows, dy, dx) {
        const { first, second } = keyOf();
        kernels.dropout(rows * input.size, first, second, limit, a, dy, dx);
      },
    };
  });
}

/** Plan a noise layer: the identity where it is not active. */
function planNoise(
  layer: object,
  input: Value,
  builder: Builder,
  call: LayerCall,
  make: (keyOf: () => NoiseKey) => UnaryOperation,
): PlannedLayer {
  if (!isActive(layer, builder)) return planIdentity(layer, [input], builder);
  return planUnary(input, input.shape, builder, make(builder.noise(call)));
}

/** The input times factors that are drawn in each forward pass. */
function multiplication(
  { size }: Value,
  factors: Block,
  { kernels }: Builder,
  draw: (rows: number) => void,
): UnaryOperation {
  return {
    forward(rows, x, y) {
      draw(rows);
      kernels.multiply(rows * size, x, factors.address, y);
    },
    backward: (rows, dy, dx) => kernels.multiply(rows * size, dy, factors.address, dx),
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
