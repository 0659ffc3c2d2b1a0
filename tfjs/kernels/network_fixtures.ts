/** A network for each layer of tfjs, to train on two backends. */
import type * as tfjs from "@tensorflow/tfjs";

const tf = await import("@tensorflow/tfjs");

type Layer = tfjs.layers.Layer;

const image = { inputShape: [8, 8, 2] };
const volume = { inputShape: [4, 4, 4, 1] };
const words = { inputShape: [5, 3] };

/** Layers that take integers from zero to five. */
export const takesWholeNumbers = ["embedding", "categoryEncoding"];

/** On cpu, the gradient of the nearest pixel is correct only for one image. */
export const oneAtATime = ["upSampling2d"];

/**
 * Layers that no model of tfjs can contain: they take an image without a batch, and have no
 * weights.
 */
export const outsideModels = ["randomWidth", "resizing"];

/**
 * The layer of `tf.layers` by which another name is covered: the same one, or the one that creates
 * it.
 */
export const aliases: Record<string, string> = {
  avgPool1d: "averagePooling1d",
  avgPool2d: "averagePooling2d",
  avgPool3d: "averagePooling3d",
  avgPooling1d: "averagePooling1d",
  avgPooling2d: "averagePooling2d",
  avgPooling3d: "averagePooling3d",
  convLstm2dCell: "convLstm2d",
  globalMaxPool1d: "globalMaxPooling1d",
  globalMaxPool2d: "globalMaxPooling2d",
  input: "inputLayer",
  maxPool1d: "maxPooling1d",
  maxPool2d: "maxPooling2d",
};

/** Networks by the name of their layer in `tf.layers`; variants follow a comma. */
export const networks: Record<string, () => tfjs.LayersModel> = {
  activation: () => onWords(tf.layers.activation({ activation: "softplus" })),
  add: () => merging(tf.layers.add()),
  alphaDropout: () => onWords(tf.layers.alphaDropout({ rate: 0.3 })),
  average: () => merging(tf.layers.average()),
  averagePooling1d: () => onWords(tf.layers.averagePooling1d({ poolSize: 2 })),
  averagePooling2d: () => onImage(tf.layers.averagePooling2d({ poolSize: 2, padding: "same" })),
  averagePooling3d: () => onVolume(tf.layers.averagePooling3d({ poolSize: 2 })),
  batchNormalization: () => onImage(tf.layers.batchNormalization()),
  bidirectional: () =>
    onWords(tf.layers.bidirectional({
      layer: tf.layers.lstm({ units: 2, returnSequences: true }) as tfjs.RNN,
      mergeMode: "concat",
    })),
  categoryEncoding: () =>
    chain(tf.layers.categoryEncoding({ inputShape: [4], numTokens: 6, outputMode: "multiHot" })),
  centerCrop: () => chain(tf.layers.centerCrop({ ...image, height: 5, width: 6 })),
  concatenate: () => merging(tf.layers.concatenate()),
  conv1d: () => chain(tf.layers.conv1d({ ...words, filters: 3, kernelSize: 3 })),
  "conv1d, dilated": () =>
    onWords(tf.layers.conv1d({ filters: 3, kernelSize: 2, dilationRate: 2, padding: "same" })),
  conv2d: () =>
    chain(
      tf.layers.conv2d({
        ...image,
        filters: 3,
        kernelSize: 3,
        padding: "same",
        activation: "relu",
      }),
      tf.layers.conv2d({ filters: 2, kernelSize: 2, strides: 2 }),
    ),
  "conv2d, channels first": () =>
    chain(
      tf.layers.conv2d({
        inputShape: [2, 8, 8],
        filters: 3,
        kernelSize: 3,
        dataFormat: "channelsFirst",
      }),
    ),
  "conv2d, dilated": () =>
    onImage(
      tf.layers.conv2d({ filters: 3, kernelSize: 3, dilationRate: [2, 1], activation: "relu" }),
      tf.layers.conv2d({ filters: 2, kernelSize: 2, dilationRate: 2, padding: "same" }),
      tf.layers.conv2d({ filters: 2, kernelSize: 2, dilationRate: 2, activation: "tanh" }),
    ),
  "conv2d, dilated, channels first": () =>
    chain(
      tf.layers.conv2d({
        inputShape: [2, 8, 8],
        filters: 3,
        kernelSize: 2,
        dilationRate: 3,
        dataFormat: "channelsFirst",
      }),
    ),
  conv2dTranspose: () =>
    onImage(tf.layers.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2, padding: "same" })),
  conv3d: () => onVolume(tf.layers.conv3d({ filters: 2, kernelSize: 2 })),
  "conv3d, dilated": () =>
    onVolume(tf.layers.conv3d({ filters: 2, kernelSize: 2, dilationRate: 2, padding: "same" })),
  conv3dTranspose: () =>
    onVolume(tf.layers.conv3dTranspose({ filters: 2, kernelSize: 2, strides: 2 })),
  convLstm2d: () =>
    chain(tf.layers.convLstm2d({ inputShape: [2, 5, 5, 1], filters: 2, kernelSize: 2 })),
  "convLstm2d, dilated": () =>
    chain(
      tf.layers.convLstm2d({
        inputShape: [2, 6, 6, 1],
        filters: 2,
        kernelSize: 2,
        dilationRate: 2,
        padding: "same",
      }),
    ),
  cropping2D: () => onImage(tf.layers.cropping2D({ cropping: [[1, 0], [2, 1]] })),
  dense: () => chain(tf.layers.dense({ ...words, units: 4, activation: "tanh" })),
  depthwiseConv2d: () =>
    onImage(tf.layers.depthwiseConv2d({ kernelSize: 3, strides: 2, padding: "same" })),
  "depthwiseConv2d, several filters": () =>
    onImage(tf.layers.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 3 })),
  dot: () => merging(tf.layers.dot({ axes: -1 })),
  dropout: () => onWords(tf.layers.dropout({ rate: 0.3 })),
  elu: () => onWords(tf.layers.elu()),
  embedding: () => chain(tf.layers.embedding({ inputDim: 6, outputDim: 3, inputLength: 4 })),
  flatten: () => onImage(tf.layers.flatten()),
  gaussianDropout: () => onWords(tf.layers.gaussianDropout({ rate: 0.3 })),
  gaussianNoise: () => onWords(tf.layers.gaussianNoise({ stddev: 0.3 })),
  globalAveragePooling1d: () => onWords(tf.layers.globalAveragePooling1d()),
  globalAveragePooling2d: () => onImage(tf.layers.globalAveragePooling2d({})),
  globalMaxPooling1d: () => onWords(tf.layers.globalMaxPooling1d()),
  globalMaxPooling2d: () => onImage(tf.layers.globalMaxPooling2d({})),
  gru: () => chain(tf.layers.gru({ ...words, units: 3, returnSequences: true })),
  gruCell: () => onWords(tf.layers.rnn({ cell: tf.layers.gruCell({ units: 3 }) })),
  inputLayer: () => chain(tf.layers.inputLayer(words), tf.layers.dense({ units: 2 })),
  layerNormalization: () => onWords(tf.layers.layerNormalization()),
  leakyReLU: () => onWords(tf.layers.leakyReLU()),
  lstm: () => chain(tf.layers.lstm({ ...words, units: 3, returnSequences: true })),
  lstmCell: () => onWords(tf.layers.rnn({ cell: tf.layers.lstmCell({ units: 3 }) })),
  masking: () =>
    onWords(
      tf.layers.reLU(),
      tf.layers.masking(),
      tf.layers.simpleRNN({ units: 3, returnSequences: true }),
    ),
  maximum: () => merging(tf.layers.maximum()),
  maxPooling1d: () => onWords(tf.layers.maxPooling1d({ poolSize: 2 })),
  maxPooling2d: () => onImage(tf.layers.maxPooling2d({ poolSize: 3, strides: 2 })),
  maxPooling3d: () => onVolume(tf.layers.maxPooling3d({ poolSize: 2 })),
  minimum: () => merging(tf.layers.minimum()),
  multiply: () => merging(tf.layers.multiply()),
  permute: () => onWords(tf.layers.permute({ dims: [2, 1] })),
  prelu: () => onWords(tf.layers.prelu()),
  reLU: () => onWords(tf.layers.reLU({ maxValue: 0.5 })),
  repeatVector: () =>
    chain(
      tf.layers.dense({ inputShape: [4], units: 3, activation: "tanh" }),
      tf.layers.repeatVector({ n: 3 }),
    ),
  rescaling: () => onImage(tf.layers.rescaling({ scale: 2, offset: 0.5 })),
  reshape: () => onWords(tf.layers.reshape({ targetShape: [3, 5] })),
  rnn: () => onWords(tf.layers.rnn({ cell: tf.layers.simpleRNNCell({ units: 3 }), unroll: true })),
  separableConv2d: () =>
    onImage(tf.layers.separableConv2d({ filters: 3, kernelSize: 3, depthMultiplier: 2 })),
  "separableConv2d, dilated": () =>
    onImage(
      tf.layers.separableConv2d({
        filters: 3,
        kernelSize: 3,
        depthMultiplier: 2,
        dilationRate: [2, 2],
        padding: "same",
      }),
    ),
  simpleRNN: () => chain(tf.layers.simpleRNN({ ...words, units: 3, returnSequences: true })),
  simpleRNNCell: () => onWords(tf.layers.rnn({ cell: tf.layers.simpleRNNCell({ units: 3 }) })),
  softmax: () => onWords(tf.layers.softmax({ axis: -1 })),
  spatialDropout1d: () => onWords(tf.layers.spatialDropout1d({ rate: 0.3 })),
  stackedRNNCells: () =>
    onWords(tf.layers.rnn({
      cell: tf.layers.stackedRNNCells({
        cells: [tf.layers.lstmCell({ units: 3 }), tf.layers.gruCell({ units: 2 })],
      }) as unknown as tfjs.layers.RNNCell,
    })),
  thresholdedReLU: () => onWords(tf.layers.thresholdedReLU({ theta: 0.1 })),
  timeDistributed: () =>
    chain(tf.layers.timeDistributed({ ...words, layer: tf.layers.dense({ units: 2 }) })),
  upSampling2d: () => onImage(tf.layers.upSampling2d({ size: [2, 3] })),
  "upSampling2d, bilinear": () =>
    onImage(tf.layers.upSampling2d({ size: [2, 3], interpolation: "bilinear" })),
  zeroPadding2d: () => onImage(tf.layers.zeroPadding2d({ padding: [[1, 0], [2, 1]] })),
};

/**
 * The layers on an input that has weights and negative values, so that gradients pass through them.
 */
function onWords(...layers: Layer[]): tfjs.LayersModel {
  return chain(
    tf.layers.dense({ ...words, units: 3, activation: "tanh", biasInitializer: "ones" }),
    ...layers,
  );
}

function onImage(...layers: Layer[]): tfjs.LayersModel {
  return chain(
    tf.layers.conv2d({ ...image, filters: 2, kernelSize: 1 }),
    tf.layers.activation({ activation: "tanh" }),
    ...layers,
  );
}

function onVolume(...layers: Layer[]): tfjs.LayersModel {
  return chain(
    tf.layers.conv3d({ ...volume, filters: 2, kernelSize: 1, activation: "tanh" }),
    ...layers,
  );
}

function chain(...layers: Layer[]): tfjs.LayersModel {
  const model = tf.sequential({ layers });
  if (model.outputs[0].rank > 2) model.add(tf.layers.flatten());
  model.add(tf.layers.dense({ units: 1 }));
  return model;
}

function merging(merge: Layer): tfjs.LayersModel {
  const input = tf.input({ shape: [4] });
  const branches = (["tanh", "sigmoid"] as const).map((activation) =>
    tf.layers.dense({ units: 3, activation }).apply(input) as tfjs.SymbolicTensor
  );
  const merged = merge.apply(branches) as tfjs.SymbolicTensor;
  const output = tf.layers.dense({ units: 1 }).apply(merged) as tfjs.SymbolicTensor;
  return tf.model({ inputs: input, outputs: output });
}
