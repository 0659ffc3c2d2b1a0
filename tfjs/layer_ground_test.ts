/**
 * The private fields of TensorFlow.js's layers that compiled steps rely on; see ground_test.ts. The
 * planners run on layers that record what is read.
 */
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { useBackend } from "keepfit/backend";
import { networkOf } from "./network.ts";
import { getEngine } from "./engine.ts";
import { layerCalls } from "./forward.ts";
import { type Ground, type Kind, partOf, testGrounds } from "./ground_fixtures.ts";
import { Builder } from "./plan/builder.ts";
import { layerPlanners, planLayer } from "./plan/layers/mod.ts";
import { type PlanMemory, planMemory } from "./plan/memory.ts";

const { layers } = tf;

interface Sample {
  /** Shapes of the inputs, without the batch. */
  inputs: number[][];
  make(): tf.layers.Layer;
  fields: Record<string, Kind>;
  /** Fields of the inner object in a field of the layer. */
  inner?: Record<string, Record<string, Kind>>;
}

const sequence = [4, 3];
const image = [6, 6, 2];
const volume = [4, 4, 4, 2];
const activation = { activation: { getClassName: "function" } } as const;
const cell = {
  cell: {
    units: "number",
    kernel: "object",
    recurrentKernel: "object",
    bias: "object",
    activation: "object",
    dropout: "number",
    recurrentDropout: "number",
  },
} as const;
const gatedCell = { cell: { ...cell.cell, recurrentActivation: "object" } } as const;
const recurrent = {
  cell: "object",
  returnSequences: "boolean",
  returnState: "boolean",
  goBackwards: "boolean",
  stateful: "boolean",
  // null without constants.
  numConstants: "absent",
} as const;
const convolution = {
  kernel: "object",
  bias: "object",
  activation: "object",
  kernelSize: "list",
  strides: "list",
  padding: "string",
  dataFormat: "string",
  dilationRate: "list",
} as const;
const { kernel: _, ...depthwise } = { ...convolution, depthwiseKernel: "object" } as const;
const pooling = { poolSize: "list", strides: "list", padding: "string" } as const;
const channeledPooling = { ...pooling, dataFormat: "string" } as const;
const noise = { rate: "number" } as const;

const one = (shape: number[], make: () => tf.layers.Layer, fields: Sample["fields"]): Sample => ({
  inputs: [shape],
  make,
  fields,
});
const merge = (make: () => tf.layers.Layer, fields: Sample["fields"] = {}): Sample => ({
  inputs: [[3], [3]],
  make,
  fields,
});

const samples: Record<string, Sample> = {
  Activation: {
    ...one([3], () => layers.activation({ activation: "relu" }), { activation: "object" }),
    inner: activation,
  },
  Add: merge(() => layers.add()),
  AlphaDropout: one([3], () => layers.alphaDropout({ rate: 0.5 }), noise),
  Average: merge(() => layers.average()),
  AveragePooling1D: one(sequence, () => layers.averagePooling1d({ poolSize: 2 }), pooling),
  AveragePooling2D: one(image, () => layers.averagePooling2d({ poolSize: 2 }), channeledPooling),
  AveragePooling3D: one(
    volume,
    () => layers.averagePooling3d({ poolSize: 2 } as never),
    channeledPooling,
  ),
  BatchNormalization: one([3], () => layers.batchNormalization(), {
    axis: "number",
    momentum: "number",
    epsilon: "number",
    gamma: "object",
    beta: "object",
    movingMean: "object",
    movingVariance: "object",
  }),
  Bidirectional: {
    ...one(
      sequence,
      () =>
        layers.bidirectional({
          layer: layers.lstm({ units: 2, recurrentInitializer: "zeros" }) as tf.RNN,
          mergeMode: "concat",
        }),
      { forwardLayer: "object", backwardLayer: "object", mergeMode: "string" },
    ),
    inner: { forwardLayer: recurrent, backwardLayer: recurrent },
  },
  Concatenate: merge(() => layers.concatenate(), { axis: "number" }),
  Conv1D: one(sequence, () => layers.conv1d({ filters: 2, kernelSize: 2 }), convolution),
  Conv2D: one(image, () => layers.conv2d({ filters: 2, kernelSize: 2 }), convolution),
  Conv2DTranspose: one(
    image,
    () => layers.conv2dTranspose({ filters: 2, kernelSize: 2 }),
    convolution,
  ),
  Conv3D: one(volume, () => layers.conv3d({ filters: 2, kernelSize: 2 }), convolution),
  Conv3DTranspose: one(
    volume,
    () => layers.conv3dTranspose({ filters: 2, kernelSize: 2 }),
    convolution,
  ),
  Cropping2D: one(image, () => layers.cropping2D({ cropping: 1 } as never), {
    cropping: "list",
    dataFormat: "string",
  }),
  Dense: {
    ...one([3], () => layers.dense({ units: 2, activation: "relu" }), {
      kernel: "object",
      bias: "object",
      activation: "object",
    }),
    inner: activation,
  },
  DepthwiseConv2D: one(image, () => layers.depthwiseConv2d({ kernelSize: 2 }), depthwise),
  Dot: merge(() => layers.dot({ axes: -1 }), { axes: "number", normalize: "boolean" }),
  Dropout: one([3], () => layers.dropout({ rate: 0.5, noiseShape: [null, 3] as never }), {
    ...noise,
    noiseShape: "list",
  }),
  ELU: one([3], () => layers.elu(), { alpha: "number" }),
  Embedding: one([3], () => layers.embedding({ inputDim: 4, outputDim: 2, maskZero: true }), {
    embeddings: "object",
    maskZero: "boolean",
  }),
  Flatten: one(image, () => layers.flatten({ dataFormat: "channelsLast" }), {
    dataFormat: "string",
  }),
  GRU: {
    ...one(sequence, () => layers.gru({ units: 2, recurrentInitializer: "zeros" }), recurrent),
    inner: gatedCell,
  },
  GaussianDropout: one([3], () => layers.gaussianDropout({ rate: 0.5 }), noise),
  GaussianNoise: one([3], () => layers.gaussianNoise({ stddev: 1 }), { stddev: "number" }),
  GlobalAveragePooling1D: one(sequence, () => layers.globalAveragePooling1d(), {}),
  GlobalAveragePooling2D: one(image, () => layers.globalAveragePooling2d({}), {
    dataFormat: "string",
  }),
  GlobalMaxPooling1D: one(sequence, () => layers.globalMaxPooling1d(), {}),
  GlobalMaxPooling2D: one(image, () => layers.globalMaxPooling2d({}), { dataFormat: "string" }),
  LSTM: {
    ...one(sequence, () => layers.lstm({ units: 2, recurrentInitializer: "zeros" }), recurrent),
    inner: gatedCell,
  },
  LayerNormalization: one([3], () => layers.layerNormalization(), {
    axis: "list",
    epsilon: "number",
    gamma: "object",
    beta: "object",
  }),
  LeakyReLU: one([3], () => layers.leakyReLU(), { alpha: "number" }),
  Masking: one(sequence, () => layers.masking(), { maskValue: "number" }),
  MaxPooling1D: one(sequence, () => layers.maxPooling1d({ poolSize: 2 }), pooling),
  MaxPooling2D: one(image, () => layers.maxPooling2d({ poolSize: 2 }), channeledPooling),
  MaxPooling3D: one(volume, () => layers.maxPooling3d({ poolSize: 2 } as never), channeledPooling),
  Maximum: merge(() => layers.maximum()),
  Minimum: merge(() => layers.minimum()),
  Multiply: merge(() => layers.multiply()),
  PReLU: one([3], () => layers.prelu(), { alpha: "object" }),
  Permute: one(sequence, () => layers.permute({ dims: [2, 1] }), { dims: "list" }),
  ReLU: one([3], () => layers.reLU({ maxValue: 6 }), { maxValue: "number" }),
  RepeatVector: one([3], () => layers.repeatVector({ n: 2 }), { n: "number" }),
  Rescaling: one([3], () => layers.rescaling({ scale: 2, offset: 1 }), {
    scale: "number",
    offset: "number",
  }),
  Reshape: one([6], () => layers.reshape({ targetShape: [2, 3] }), { targetShape: "list" }),
  SeparableConv2D: one(image, () => layers.separableConv2d({ filters: 2, kernelSize: 2 }), {
    ...depthwise,
    pointwiseKernel: "object",
  }),
  SimpleRNN: {
    ...one(
      sequence,
      () => layers.simpleRNN({ units: 2, recurrentInitializer: "zeros" }),
      recurrent,
    ),
    inner: cell,
  },
  Softmax: one([3], () => layers.softmax(), { axis: "number" }),
  SpatialDropout1D: one(sequence, () => layers.spatialDropout1d({ rate: 0.5 }), noise),
  ThresholdedReLU: one([3], () => layers.thresholdedReLU(), { theta: "number" }),
  TimeDistributed: one(
    sequence,
    () => layers.timeDistributed({ layer: layers.dense({ units: 2 }) }),
    { layer: "object", supportsMasking: "boolean" },
  ),
  UpSampling2D: one(image, () => layers.upSampling2d({}), {
    size: "list",
    interpolation: "string",
    dataFormat: "string",
  }),
  ZeroPadding2D: one(image, () => layers.zeroPadding2d(), {
    padding: "list",
    dataFormat: "string",
  }),
};

/** Fields of any layer, which ground_test.ts lists. */
const common = new Set(["constructor", "name", "call", "seed", "_callHook", "supportsMasking"]);
/** Fields that a default leaves absent. */
const optional: Record<string, string[]> = {
  AlphaDropout: ["noiseShape"],
  AveragePooling1D: ["dataFormat"],
  GaussianNoise: ["rate"],
  GlobalAveragePooling1D: ["dataFormat"],
  GlobalMaxPooling1D: ["dataFormat"],
  MaxPooling1D: ["dataFormat"],
  // Of the cell. ground_test.ts pins dropoutFunc.
  GRU: ["dropoutFunc"],
  LSTM: ["dropoutFunc"],
  SimpleRNN: ["dropoutFunc", "recurrentActivation"],
};

/** A model whose last layer is that of a sample. */
function modelOf({ inputs, make }: Sample): tf.LayersModel {
  const symbols = inputs.map((shape) => tf.input({ shape }));
  const outputs = make().apply(symbols.length === 1 ? symbols[0] : symbols);
  return tf.model({ inputs: symbols, outputs: outputs as tf.SymbolicTensor });
}

/** Records the fields that are read of an object, under the names of its inner ones too. */
function recording(
  object: object,
  inner: readonly string[],
  read: (field: string, of: string) => void,
  path = "",
): object {
  // A copy of all fields asks for each before it reads it, and says nothing about their use.
  let copied: string | symbol | undefined;
  return new Proxy(object, {
    getOwnPropertyDescriptor(target, field) {
      copied = field;
      return Reflect.getOwnPropertyDescriptor(target, field);
    },
    get(target, field) {
      const value = Reflect.get(target, field, target);
      if (typeof field === "string" && field !== copied) read(field, path);
      copied = undefined;
      return inner.includes(field as string) && typeof value === "object" && path === ""
        ? recording(value, inner, read, field as string)
        : value;
    },
  });
}

before(() => useBackend(tf, "cpu"));

testGrounds(
  "planned layers",
  Object.entries(samples).flatMap(([name, sample]): Ground[] => {
    const usedBy = "tfjs/plan/layers/";
    const layer = () => modelOf(sample).layers.at(-1) as object;
    const pin = (fields: Record<string, Kind>): Ground["fields"] =>
      Object.fromEntries(
        Object.entries(fields).map(([field, kind]) => [
          field,
          [kind, field === "getClassName" ? "tfjs/plan/activations.ts" : usedBy],
        ]),
      );
    return [
      { of: name, find: layer, fields: pin(sample.fields) },
      ...Object.entries(sample.inner ?? {}).map(([field, fields]) => ({
        of: `${name}.${field}`,
        find: () => partOf(layer(), field),
        fields: pin(fields),
      })),
    ];
  }),
);

describe("The planner", () => {
  for (const name of Object.keys(layerPlanners)) {
    if (name === "InputLayer") continue;
    it(`The planner of ${name} reads no private field that is not pinned`, () => {
      assert.ok(Object.hasOwn(samples, name), `add a sample of ${name} to layer_ground_test.ts`);
      const sample = samples[name];
      const unpinned = new Set<string>();
      const { inner = {} } = sample;
      const read = (field: string, of: string): void => {
        const fields = of === "" ? sample.fields : inner[of];
        const isPinned = Object.hasOwn(fields, field) || common.has(field) ||
          optional[name]?.includes(field);
        if (!isPinned) unpinned.add([of, field].filter(Boolean).join("."));
      };
      const model = modelOf(sample);
      const call = layerCalls(networkOf(model, "plan"))!.calls.at(-1)!;
      const memory = planMemory(getEngine()) as PlanMemory;
      const builder = new Builder(memory, [], () => ({ seed: 1, step: 1 }));
      const inputs = sample.inputs.map((shape) => builder.value(shape, []));
      planLayer(recording(call.layer, Object.keys(inner), read), inputs, builder, call);
      assert.deepEqual([...unpinned], []);
      model.dispose();
    });
  }
});
