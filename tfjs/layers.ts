import type { TrainableModel, WeightTensor } from "../core/model.ts";

/** What TensorFlow.js's layers and models have in common; a model is a layer with layers. */
interface Layer {
  readonly name: string;
  readonly weights: { readonly originalName: string; read(): WeightTensor }[];
  readonly outputShape: unknown;
  readonly layers?: Layer[];
  getClassName(): string;
}

/** A model whose layers can be looked into. */
export interface LayeredModel extends TrainableModel, Layer {
  readonly layers: Layer[];
  /** The model's config as an object. */
  toJSON(unused: null, returnString: false): unknown;
}

/** A layer that is no model, wherever in the model it is. */
export interface ModelLayer {
  /** Names of the models around it, but not of the outermost, and its own: `encoder/dense`. */
  path: string;
  className: string;
  /** The first output's shape; null where the batch decides. */
  outputShape: (number | null)[];
  weights: LayerWeight[];
}

/** One weight of a layer, live. */
export interface LayerWeight {
  /** The layer's path and its own name: `encoder/dense/kernel`. */
  path: string;
  tensor: WeightTensor;
}

/** True for a model of TensorFlow.js that is built, and for what looks like one. */
export function isLayered(model: TrainableModel): model is LayeredModel {
  const { layers, getClassName, toJSON } = model as Partial<LayeredModel>;
  return Array.isArray(layers) && typeof getClassName === "function" &&
    typeof toJSON === "function";
}

/** The layers of a model in its own order, those of models inside of it too. */
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
    // `name` counts up when a process makes the model again; a resumed run needs the same tags.
    weights: layer.weights.map((weight) => ({
      path: scope + weight.originalName.replaceAll(":", "_"),
      tensor: weight.read(),
    })),
  }];
}
