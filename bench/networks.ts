import * as tf from "@tensorflow/tfjs";

/** The convnet that tutorials train on MNIST. */
export function convnet(): tf.LayersModel {
  return compiled([
    tf.layers.conv2d({ inputShape: [28, 28, 1], filters: 16, kernelSize: 3, activation: "relu" }),
    tf.layers.maxPooling2d({ poolSize: 2 }),
    tf.layers.conv2d({ filters: 32, kernelSize: 3, activation: "relu" }),
    tf.layers.maxPooling2d({ poolSize: 2 }),
    tf.layers.flatten(),
  ]);
}

/** A dense network 784-`units`-10. */
export function dense(units: number): tf.LayersModel {
  return compiled([tf.layers.dense({ inputShape: [784], units, activation: "relu" })]);
}

/** An LSTM that reads an image line by line. */
export function lstm(): tf.LayersModel {
  return compiled([tf.layers.lstm({ inputShape: [28, 28], units: 64 })]);
}

/** Random rows for a network, and classes. */
export function data(model: tf.LayersModel, rows: number): [x: tf.Tensor, y: tf.Tensor] {
  const x = tf.randomUniform([rows, ...model.inputs[0].shape.slice(1) as number[]]);
  return [x, tf.tidy(() => tf.oneHot(tf.randomUniform([rows], 0, 10, "int32"), 10).toFloat())];
}

function compiled(layers: tf.layers.Layer[]): tf.LayersModel {
  const model = tf.sequential({
    layers: [...layers, tf.layers.dense({ units: 10, activation: "softmax" })],
  });
  model.compile({
    optimizer: "adam",
    loss: "categoricalCrossentropy",
    metrics: ["accuracy"],
  });
  return model;
}
