import type { TrainableModel, WeightTensor } from "../core/model.ts";

/** The common part of TensorFlow.js's layers and models; a model is a layer with layers. */
interface Layer {
  readonly name: string;
  readonly weights: { readonly originalName: string; read(): WeightTensor }[];
  readonly outputShape: unknown;
  readonly layers?: Layer[];
  getClassName(): string;
}

/** A model with accessible layers. */
export interface LayeredModel extends TrainableModel, Layer {
  readonly layers: Layer[];
  /** The model's config as an object. */
  toJSON(unused: null, returnString: false): unknown;
}

/** A layer that is not a model, at any depth. */
export interface ModelLayer {
  /** Names of the models around it, without the outermost, and its own: `encoder/dense`. */
  path: string;
  className: string;
  /** Shape of the first output; null for the batch dimension. */
  outputShape: (number | null)[];
  weights: LayerWeight[];
}

/** A live weight of a layer. */
export interface LayerWeight {
  /** Path of the layer and name of the weight: `encoder/dense/kernel`. */
  path: string;
  tensor: WeightTensor;
}

/** Whether it is a built model of TensorFlow.js, or looks like one. */
export function isLayered(model: TrainableModel): model is LayeredModel {
  const { layers, getClassName, toJSON } = model as Partial<LayeredModel>;
  return Array.isArray(layers) && typeof getClassName === "function" &&
    typeof toJSON === "function";
}

/** The layers of a model in order, including those of nested models. */
export function layersOf(model: LayeredModel): ModelLayer[] {
  return model.layers.flatMap((layer) => within(layer, ""));
}

function within(layer: Layer, scope: string): ModelLayer[] {
  const path = scope + layer.name;
  if (layer.layers !== undefined) {
    return layer.layers.flatMap((inner) => within(inner, `${path}/`));
  }
  const shape = layer.outputShape as (number | null)[] | (number | null)[][];
  return [{
    path,
    className: layer.getClassName(),
    outputShape: (Array.isArray(shape[0]) ? shape[0] : shape) as (number | null)[],
    // `name` changes when a process recreates the model; a resumed run needs the same tags.
    weights: layer.weights.map((weight) => ({
      path: scope + weight.originalName.replaceAll(":", "_"),
      tensor: weight.read(),
    })),
  }];
}
