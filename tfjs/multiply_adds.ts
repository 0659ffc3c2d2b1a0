import type * as tf from "@tensorflow/tfjs";

/**
 * Cost of a convolution's multiply-add with its gradients, relative to that of a matrix product.
 */
const convolutionCost = 30;

/** Multiply-adds of one row's forward pass, convolutions weighted by their cost. */
export function multiplyAddsOf(layers: tf.layers.Layer[]): number {
  let work = 0;
  for (const layer of layers) {
    if ("layers" in layer) work += multiplyAddsOf((layer as tf.LayersModel).layers);
    // An embedding only looks up a few rows of its weights.
    else if (layer.getClassName() !== "Embedding") work += layerWork(layer);
  }
  return work;
}

/** Multiply-adds of a layer: its weights times the positions in time or space that it processes. */
function layerWork({ weights, inboundNodes }: tf.layers.Layer): number {
  const shapes = inboundNodes.flatMap((
    { inputShapes, outputShapes },
  ) => [...listOf(inputShapes), ...listOf(outputShapes)]);
  const positions = Math.max(0, ...shapes.map((shape) => sizeOf(shape.slice(1, -1))));
  return weights.reduce(
    (work, { shape }) =>
      work + positions * sizeOf(shape) * (shape.length > 2 ? convolutionCost : 1),
    0,
  );
}

function listOf(shapes: tf.Shape | tf.Shape[]): tf.Shape[] {
  return (Array.isArray(shapes[0]) ? shapes : [shapes]) as tf.Shape[];
}

/** Product of the dimensions; an unknown one counts as 1. */
function sizeOf(shape: tf.Shape): number {
  return shape.reduce<number>((size, length) => size * (length ?? 1), 1);
}
