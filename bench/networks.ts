import * as tf from "@tensorflow/tfjs";

/** The convnet of MNIST tutorials. */
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

const optimizers: Record<string, () => tf.Optimizer> = {
  sgd: () => tf.train.sgd(0.01),
  rmsprop: () => tf.train.rmsprop(0.001),
  adam: () => tf.train.adam(0.001),
};

/** A network of two dense layers; with more than one output a classifier. */
export function perceptron(
  [inputs, hidden, outputs]: number[],
  optimizer = "adam",
  between: tf.layers.Layer[] = [],
): tf.LayersModel {
  const isClassifier = outputs > 1;
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: hidden, inputShape: [inputs], activation: "relu" }),
      ...between,
      tf.layers.dense({ units: outputs, activation: isClassifier ? "softmax" : "linear" }),
    ],
  });
  model.compile({
    optimizer: optimizers[optimizer](),
    loss: isClassifier ? "categoricalCrossentropy" : "meanSquaredError",
    metrics: [isClassifier ? "accuracy" : "mae"],
  });
  return model;
}

/** An LSTM that reads an image row by row. */
export function lstm(): tf.LayersModel {
  return compiled([tf.layers.lstm({ inputShape: [28, 28], units: 64 })]);
}

/** Random rows for a network, with classes, or with numbers if it has one output. */
export function data(model: tf.LayersModel, rows: number): [x: tf.Tensor, y: tf.Tensor] {
  const x = tf.randomUniform([rows, ...model.inputs[0].shape.slice(1) as number[]]);
  const outputs = model.outputs[0].shape[1] as number;
  if (outputs === 1) return [x, tf.randomNormal([rows, 1])];
  const classes = () => tf.oneHot(tf.randomUniform([rows], 0, outputs, "int32"), outputs).toFloat();
  return [x, tf.tidy(classes)];
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
