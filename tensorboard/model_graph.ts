import type { GraphAttribute, GraphDefLike, GraphNode } from "./graph.ts";
import type { TensorDType } from "./tensor.ts";

/** A model or layer as TensorFlow.js serializes it: `model.toJSON(null, false)`. */
export interface LayerConfig {
  class_name: string;
  name?: string;
  config: {
    name: string;
    layers?: LayerConfig[];
    input_layers?: TensorReference[];
    output_layers?: TensorReference[];
    batch_input_shape?: (number | null)[];
    dtype?: string;
    [option: string]: unknown;
  };
  /** For each call of the layer, the tensors it was called with. */
  inbound_nodes?: [name: string, node: number, tensor: number, ...more: unknown[]][][];
}

/** Layer, call and output of a tensor. */
type TensorReference = [name: string, node: number, tensor: number];

/** Information about a layer in addition to its config. */
export interface LayerFacts {
  /** Names of the enclosing models, without the outermost, and of the layer, joined by slashes. */
  path: string;
  /** Output shape; null for the batch dimension. */
  outputShape: readonly (number | null)[];
  weights: readonly {
    path: string;
    tensor: { readonly shape: readonly number[]; readonly dtype: string };
  }[];
}

/**
 * A model's config in the form of Keras 3, from which TensorBoard draws all edges. From the form of
 * TensorFlow.js and Keras 2 it draws only the layers.
 */
export function kerasModelJson(model: LayerConfig): string {
  return JSON.stringify(kerasLayer(withInputLayers(model)));
}

/**
 * The graph of a model: a node for each layer, with its class as the op. A layer with weights is a
 * scope that contains them as nodes.
 *
 * @param model the model to draw
 * @param layers shapes and weights of its layers
 */
export function modelGraph(
  model: LayerConfig,
  layers: readonly LayerFacts[],
): GraphDefLike {
  const facts = new Map(layers.map((layer) => [layer.path, layer]));
  const nodes: GraphNode[] = [];
  addModel(withInputLayers(model), "", []);
  return { nodes };

  function addModel({ config }: LayerConfig, scope: string, inputs: string[]): void {
    const { layers = [] } = config;
    let previous = inputs;
    for (const layer of layers) {
      const path = scope + layer.config.name;
      const entry = config.input_layers?.findIndex(([name]) => name === layer.config.name) ?? -1;
      const from = layer.inbound_nodes === undefined
        ? previous
        : entry >= 0
        ? inputs.slice(entry, entry + 1)
        : layer.inbound_nodes.flat().map((reference) => outputOf(layers, scope, reference));
      if (layer.config.layers !== undefined) addModel(layer, `${path}/`, from);
      else addLayer(layer, path, from);
      previous = outputsOf(layer, path);
    }
  }

  function addLayer({ class_name, config }: LayerConfig, path: string, from: string[]): void {
    const { outputShape = config.batch_input_shape, weights = [] } = facts.get(path) ?? {};
    for (const { path: name, tensor: { shape, dtype } } of weights) {
      nodes.push({
        name,
        op: "Variable",
        attributes: {
          dtype: { dtype: dtype as TensorDType },
          shape: { shape },
          _output_shapes: { shapes: [shape] },
        },
      });
    }
    const attributes = attributesOf(config);
    if (outputShape !== undefined) {
      attributes._output_shapes = { shapes: [outputShape.map((size) => size ?? -1)] };
    }
    nodes.push({
      name: nodeOf(class_name, path),
      op: class_name,
      inputs: [...from, ...weights.map((weight) => weight.path)],
      attributes,
    });
  }

  /** Create the node of a layer in its scope, because a scope cannot be a node. */
  function nodeOf(className: string, path: string): string {
    return facts.get(path)?.weights.length ? `${path}/${className}` : path;
  }

  /** The nodes that produce the outputs of a layer or of a nested model. */
  function outputsOf({ class_name, config }: LayerConfig, path: string): string[] {
    const { layers, output_layers } = config;
    if (layers === undefined) return [nodeOf(class_name, path)];
    if (output_layers !== undefined) {
      return output_layers.map((reference) => outputOf(layers, `${path}/`, reference));
    }
    const last = layers[layers.length - 1];
    return last === undefined ? [] : outputsOf(last, `${path}/${last.config.name}`);
  }

  function outputOf(
    layers: LayerConfig[],
    scope: string,
    [name, , tensor]: readonly [string, number, number, ...unknown[]],
  ): string {
    const layer = layers.find(({ config }) => config.name === name);
    const outputs = layer === undefined ? [] : outputsOf(layer, scope + name);
    if (outputs[tensor] !== undefined) return outputs[tensor];
    return `${outputs[0] ?? scope + name}:${tensor}`;
  }
}

/** A Markdown table of the layers, like Keras's `model.summary()`. */
export function modelTable(
  layers: readonly (LayerFacts & { className: string })[],
): string {
  let total = 0;
  const rows = layers.map(({ path, className, outputShape, weights }) => {
    const count = weights.reduce(
      (sum, { tensor }) => sum + tensor.shape.reduce((size, one) => size * one, 1),
      0,
    );
    total += count;
    const shape = outputShape.map((size) => size ?? "?").join(", ");
    return `| ${path} | ${className} | [${shape}] | ${count.toLocaleString("en-US")} |`;
  });
  return [
    "| layer | class | output shape | weights |",
    "| --- | --- | --- | ---: |",
    ...rows,
    `| total | | | ${total.toLocaleString("en-US")} |`,
  ].join("\n");
}

/** Add the input layer that Keras 3 lists; tfjs has the input in the config of the first layer. */
function withInputLayers(layer: LayerConfig): LayerConfig {
  const { layers, output_layers } = layer.config;
  if (layers === undefined) return layer;
  const inner = layers.map(withInputLayers);
  const first = inner[0]?.config;
  if (
    output_layers === undefined && first?.batch_input_shape && inner[0].class_name !== "InputLayer"
  ) {
    const { batch_input_shape, dtype = "float32" } = first;
    const name = `${first.name}_input`;
    inner.unshift({ class_name: "InputLayer", config: { name, batch_input_shape, dtype } });
  }
  return { ...layer, config: { ...layer.config, layers: inner } };
}

function kerasLayer({ class_name, config, inbound_nodes, ...rest }: LayerConfig): object {
  const { layers, input_layers, output_layers, batch_input_shape, ...options } = config;
  return {
    ...rest,
    class_name: output_layers === undefined ? class_name : "Functional",
    config: {
      ...options,
      ...batch_input_shape && { batch_shape: batch_input_shape },
      ...layers && { layers: layers.map(kerasLayer) },
      ...input_layers && { input_layers: oneOrMany(input_layers) },
      ...output_layers && { output_layers: oneOrMany(output_layers) },
    },
    ...inbound_nodes && { inbound_nodes: inbound_nodes.map(kerasCall) },
  };
}

function kerasCall(tensors: NonNullable<LayerConfig["inbound_nodes"]>[number]): object {
  const args = tensors.map(([name, node, tensor]) => ({
    class_name: "__keras_tensor__",
    config: { keras_history: [name, node, tensor] },
  }));
  return { args: [oneOrMany(args)], kwargs: {} };
}

function oneOrMany<T>(values: T[]): T | T[] {
  return values.length === 1 ? values[0] : values;
}

/** The scalar options of a layer. */
function attributesOf({ name: _, dtype, ...config }: LayerConfig["config"]): Record<
  string,
  GraphAttribute
> {
  const attributes: Record<string, GraphAttribute> = dtype === undefined
    ? {}
    : { dtype: { dtype: dtype as TensorDType } };
  for (const [key, value] of Object.entries(config)) {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      attributes[key] = value;
    }
  }
  return attributes;
}
