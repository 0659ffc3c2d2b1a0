import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import {
  kerasModelJson,
  type LayerConfig,
  type LayerFacts,
  modelGraph,
  modelTable,
} from "./model_graph.ts";

function configOf(model: tf.LayersModel): LayerConfig {
  return model.toJSON(null, false) as unknown as LayerConfig;
}

/** Facts about a layer with one weight. */
function facts(path: string, ...shape: number[]): LayerFacts {
  return {
    path,
    outputShape: [null, shape[1]],
    weights: [{ path: `${path}/kernel`, tensor: { shape, dtype: "float32" } }],
  };
}

/** The nodes by name with their inputs. */
function edges(
  model: tf.LayersModel,
  layers: LayerFacts[] = [],
): Record<string, readonly string[]> {
  const { nodes } = modelGraph(configOf(model), layers);
  return Object.fromEntries(nodes.map(({ name, inputs }) => [name, inputs ?? []]));
}

function sequential(): tf.Sequential {
  return tf.sequential({
    name: "digits",
    layers: [
      tf.layers.dense({ name: "hidden", inputShape: [3], units: 2, activation: "relu" }),
      tf.layers.dropout({ name: "drop", rate: 0.5 }),
    ],
  });
}

/** A model with two inputs, a layer that is called twice, and a nested model. */
function functional(): tf.LayersModel {
  const a = tf.input({ shape: [3], name: "a" });
  const b = tf.input({ shape: [3], name: "b" });
  const shared = tf.layers.dense({ units: 2, name: "shared" });
  const x = tf.input({ shape: [2], name: "x" });
  const y = tf.input({ shape: [2], name: "y" });
  const inner = tf.model({
    name: "inner",
    inputs: [x, y],
    outputs: [
      tf.layers.add({ name: "sum" }).apply([x, y]) as tf.SymbolicTensor,
      tf.layers.multiply({ name: "product" }).apply([x, y]) as tf.SymbolicTensor,
    ],
  });
  const [sum, product] = inner.apply([
    shared.apply(a) as tf.SymbolicTensor,
    shared.apply(b) as tf.SymbolicTensor,
  ]) as tf.SymbolicTensor[];
  return tf.model({
    name: "outer",
    inputs: [a, b],
    outputs: tf.layers.concatenate({ name: "both" }).apply([product, sum]) as tf.SymbolicTensor,
  });
}

describe("modelGraph", () => {
  it("modelGraph chains the layers of a Sequential after its input", () => {
    assert.deepEqual(edges(sequential()), {
      hidden_input: [],
      hidden: ["hidden_input"],
      drop: ["hidden"],
    });
  });

  it("modelGraph creates a scope for a layer with weights, which flow into it", () => {
    assert.deepEqual(edges(sequential(), [facts("hidden", 3, 2)]), {
      hidden_input: [],
      "hidden/kernel": [],
      "hidden/Dense": ["hidden_input", "hidden/kernel"],
      drop: ["hidden/Dense"],
    });
  });

  it("modelGraph follows the calls of a functional model, through nested models", () => {
    assert.deepEqual(edges(functional()), {
      a: [],
      b: [],
      shared: ["a", "b"],
      "inner/x": ["shared"],
      "inner/y": ["shared"],
      "inner/sum": ["inner/x", "inner/y"],
      "inner/product": ["inner/x", "inner/y"],
      both: ["inner/product", "inner/sum"],
    });
  });

  it("modelGraph shows class, options and shapes of a layer", () => {
    const { nodes } = modelGraph(configOf(sequential()), [facts("hidden", 3, 2)]);
    assert.deepEqual(nodes[0].attributes?._output_shapes, { shapes: [[-1, 3]] });
    const kernel = nodes.find(({ name }) => name === "hidden/kernel");
    assert.deepEqual(kernel?.attributes, {
      dtype: { dtype: "float32" },
      shape: { shape: [3, 2] },
      _output_shapes: { shapes: [[3, 2]] },
    });
    const dense = nodes.find(({ name }) => name === "hidden/Dense");
    assert.equal(dense?.op, "Dense");
    assert.equal(dense?.attributes?.units, 2);
    assert.equal(dense?.attributes?.activation, "relu");
    assert.deepEqual(dense?.attributes?._output_shapes, { shapes: [[-1, 2]] });
  });
});

describe("kerasModelJson", () => {
  it("kerasModelJson adds the input layer that Keras 3 lists to a Sequential", () => {
    const { class_name, config } = JSON.parse(kerasModelJson(configOf(sequential())));
    assert.equal(class_name, "Sequential");
    assert.deepEqual(
      config.layers.map((layer: LayerConfig) => [layer.class_name, layer.config.name]),
      [
        ["InputLayer", "hidden_input"],
        ["Dense", "hidden"],
        ["Dropout", "drop"],
      ],
    );
    assert.deepEqual(config.layers[0].config.batch_shape, [null, 3]);
  });

  it("kerasModelJson writes the calls of layers like Keras 3", () => {
    const { class_name, config } = JSON.parse(kerasModelJson(configOf(functional())));
    const tensor = (...keras_history: unknown[]) => ({
      class_name: "__keras_tensor__",
      config: { keras_history },
    });
    const layer = (name: string) => config.layers.find((layer: LayerConfig) => layer.name === name);
    assert.equal(class_name, "Functional");
    assert.deepEqual(layer("shared").inbound_nodes, [
      { args: [tensor("a", 0, 0)], kwargs: {} },
      { args: [tensor("b", 0, 0)], kwargs: {} },
    ]);
    assert.deepEqual(layer("both").inbound_nodes, [
      { args: [[tensor("inner", 1, 1), tensor("inner", 1, 0)]], kwargs: {} },
    ]);
    assert.deepEqual(config.input_layers, [["a", 0, 0], ["b", 0, 0]]);
    assert.deepEqual(config.output_layers, ["both", 0, 0]);
    assert.equal(layer("inner").class_name, "Functional");
  });
});

describe("modelTable", () => {
  it("modelTable lists the layers with the number of their weights, and the total", () => {
    const table = modelTable([
      { ...facts("hidden", 1000, 2), className: "Dense" },
      { path: "drop", className: "Dropout", outputShape: [null, 2], weights: [] },
    ]);
    assert.deepEqual(table.split("\n").slice(2), [
      "| hidden | Dense | [?, 2] | 2,000 |",
      "| drop | Dropout | [?, 2] | 0 |",
      "| total | | | 2,000 |",
    ]);
  });
});
