/**
 * The private fields of TensorFlow.js that keepfit relies on: where each one must be, its type and
 * the file that uses it. After an upgrade of TensorFlow.js, this test names the fields that
 * changed.
 */
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { useBackend } from "keepfit/backend";
import {
  fieldOf,
  type Ground,
  type Kind,
  movedFields,
  partOf,
  testGrounds,
} from "./ground_fixtures.ts";
import { drawsNoise } from "./noise.ts";
import { makeOptimizer } from "./optimizer_fixtures.ts";
import { optimizerClasses, slotFieldsOf } from "./optimizers.ts";

const dilated = "tfjs/kernels/dilated_layers.ts";
const compiled = "tfjs/compiled.ts";
const compiledMetrics = "tfjs/compiled_metrics.ts";
const internals = "tfjs/network.ts";
const trained = "tfjs/trained_weights.ts";
const engine = "tfjs/engine.ts";
const forward = "tfjs/forward.ts";
const fused = "tfjs/fused/update.ts";
const layers = "tfjs/layers.ts";
const profiler = "tfjs/profiler.ts";
const seed = "tfjs/random_seed.ts";

let sequential: tf.Sequential;
let network: tf.LayersModel;

const grounds: Ground[] = [
  {
    of: "globalThis",
    find: () => globalThis,
    fields: { _tfengine: ["object", engine], _tfGlobals: ["object", engine] },
  },
  {
    of: "the globals that copies of TensorFlow.js share",
    find: () => Object.fromEntries(fieldOf(globalThis, "_tfGlobals") as Map<string, object>),
    fields: {
      kernelRegistry: ["object", "tfjs/plan/fingerprint.ts"],
      gradRegistry: ["object", "tfjs/plan/fingerprint.ts"],
    },
  },
  {
    of: "Engine",
    find: () => tf.engine(),
    fields: {
      backendName: ["string", engine],
      backend: ["object", engine],
      registeredVariables: ["object", engine],
      registry: ["object", "tfjs/backend/webgpu.ts"],
      state: ["object", engine],
      profiler: ["object", profiler],
      memory: ["function", engine],
      tidy: ["function", engine],
      keep: ["function", engine],
      makeTensor: ["function", engine],
      makeTensorFromTensorInfo: ["function", engine],
      makeVariable: ["function", engine],
      startScope: ["function", seed],
      endScope: ["function", seed],
      runKernel: ["function", "tfjs/kernels/dilated.ts"],
      gradients: ["function", "tfjs/plan/differentiate.ts"],
      ENV: ["object", engine],
    },
  },
  {
    of: "EngineState",
    find: () => tf.engine().state,
    fields: {
      tensorInfo: ["object", engine],
      gradientDepth: ["number", dilated],
      profiling: ["boolean", profiler],
      numBytes: ["number", profiler],
      activeProfile: ["object", profiler],
    },
  },
  {
    of: "EngineState while gradients are computed",
    find: () => {
      let state: object = {};
      tf.grad((x) => {
        state = { ...tf.engine().state };
        return x.square();
      })(tf.scalar(1)).dispose();
      return state;
    },
    fields: { activeTape: ["list", engine], gradientDepth: ["number", dilated] },
  },
  {
    of: "an entry of EngineState.activeTape",
    find: () => {
      let entry: object = {};
      tf.grad((x) => {
        const y = x.square();
        entry = { ...(fieldOf(tf.engine().state, "activeTape") as object[])[0] };
        return y;
      })(tf.scalar(1)).dispose();
      return entry;
    },
    fields: { saved: ["list", engine] },
  },
  {
    of: "EngineState.activeProfile",
    find: () => partOf(tf.engine().state, "activeProfile"),
    fields: { kernels: ["list", profiler] },
  },
  {
    of: "Engine.profiler",
    find: () => partOf(tf.engine(), "profiler"),
    fields: { profileKernel: ["function", profiler] },
  },
  {
    of: "Sequential",
    find: () => sequential,
    fields: {
      model: ["object", internals],
      build: ["function", internals],
      pop: ["function", forward],
      getClassName: ["function", layers],
      getTrainingConfig: ["function", "tfjs/training_config.ts"],
      layers: ["list", layers],
      toJSON: ["function", layers],
    },
  },
  {
    of: "LayersModel",
    find: () => network,
    fields: {
      optimizer: ["object", compiled],
      loss: ["string", compiled],
      lossFunctions: ["list", compiled],
      metrics: ["list", compiledMetrics],
      metricsTensors: ["list", compiledMetrics],
      inputNames: ["list", internals],
      outputNames: ["list", internals],
      feedInputShapes: ["list", internals],
      internalOutputShapes: ["list", internals],
      collectedTrainableWeights: ["list", trained],
      getTrainingConfig: ["function", "tfjs/training_config.ts"],
      calculateLosses: ["function", internals],
      isTraining: ["boolean", "tfjs/claim_training.ts"],
      stateful: ["boolean", internals],
      runInternalGraph: ["function", forward],
    },
  },
  {
    of: "an entry of LayersModel.metricsTensors",
    find: () => (fieldOf(network, "metricsTensors") as object[])[0],
    fields: { 0: ["function", compiledMetrics], 1: ["number", compiledMetrics] },
  },
  {
    of: "LayerVariable",
    find: () => network.trainableWeights.find(({ name }) => name.includes("kernel")) as object,
    fields: {
      id: ["number", "core/weight_names.ts"],
      shape: ["list", "tfjs/plan/builder.ts"],
      dtype: ["string", "tfjs/plan/builder.ts"],
      originalName: ["string", "core/weight_names.ts"],
      read: ["function", trained],
      val: ["variable", internals],
      constraint: ["object", trained],
    },
  },
  {
    of: "Layer",
    find: () => network.layers[1],
    fields: {
      name: ["string", layers],
      weights: ["list", layers],
      outputShape: ["list", layers],
      inboundNodes: ["list", forward],
      supportsMasking: ["boolean", forward],
      stateful: ["boolean", forward],
      trainable: ["boolean", forward],
      apply: ["function", forward],
      call: ["function", forward],
      computeMask: ["function", forward],
      countParams: ["function", forward],
      getClassName: ["function", layers],
      getConfig: ["function", "tfjs/topology.ts"],
      _losses: ["list", "tfjs/plan/watch_settings.ts"],
      _refCount: ["number", "tfjs/plan/fingerprint.ts"],
      _addedWeightNames: ["list", "tfjs/plan/fingerprint.ts"],
      inputSpec: ["list", "tfjs/plan/fingerprint.ts"],
    },
  },
  {
    of: "Layer with a call hook",
    find: () => {
      const layer = tf.layers.flatten();
      layer.setCallHook(() => {});
      return layer;
    },
    fields: { _callHook: ["function", forward] },
  },
  {
    of: "a stateful layer",
    find: () => {
      const batchInputShape = [2, 3, 1];
      const layer = tf.layers.simpleRNN({ units: 1, stateful: true, batchInputShape });
      tf.sequential({ layers: [layer] });
      layer.resetStates();
      return layer;
    },
    fields: {
      stateful: ["boolean", "tfjs/layer_states.ts"],
      states: ["list", "tfjs/layer_states.ts"],
      resetStates: ["function", "tfjs/layer_states.ts"],
    },
  },
  {
    of: "Layer.inboundNodes[0]",
    find: () => network.layers[1].inboundNodes[0],
    fields: {
      outputTensors: ["list", forward],
      inboundLayers: ["list", "tfjs/topology.ts"],
      inputShapes: ["list", "tfjs/multiply_adds.ts"],
      outputShapes: ["list", "tfjs/multiply_adds.ts"],
    },
  },
  {
    of: "SymbolicTensor",
    find: () => network.outputs[0],
    fields: { sourceLayer: ["object", forward], inputs: ["list", forward] },
  },
  {
    of: "TimeDistributed",
    find: () => tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 1 }) }),
    fields: { layer: ["object", forward] },
  },
  {
    of: "Bidirectional",
    find: () => tf.layers.bidirectional({ layer: tf.layers.gru({ units: 1 }) as tf.RNN }),
    fields: {
      forwardLayer: ["object", "tfjs/noise.ts"],
      backwardLayer: ["object", "tfjs/noise.ts"],
    },
  },
  ...(["lstm", "gru", "simpleRNN"] as const).map((name): Ground => ({
    of: `the cell of ${name}`,
    find: () => ({
      ...partOf(tf.layers[name]({ units: 1, dropoutFunc: () => {} } as never), "cell"),
    }),
    fields: {
      dropout: ["number", "tfjs/noise.ts"],
      recurrentDropout: ["number", "tfjs/noise.ts"],
      dropoutFunc: ["function", "tfjs/noise.ts"],
    },
  })),
  {
    of: "Dropout",
    find: () => tf.layers.dropout({ rate: 0.5, seed: 1, noiseShape: [1, 2] }),
    fields: {
      rate: ["number", "tfjs/noise.ts"],
      seed: ["number", "tfjs/noise.ts"],
      noiseShape: ["list", "tfjs/noise.ts"],
      getNoiseShape: ["function", "tfjs/noise.ts"],
    },
  },
  {
    of: "GaussianNoise",
    find: () => tf.layers.gaussianNoise({ stddev: 0.5 }),
    fields: { stddev: ["number", "tfjs/noise.ts"] },
  },
  {
    of: "SerializationMap",
    find: () => tf.serialization.SerializationMap.getMap().classNameMap,
    fields: { Conv2D: ["list", dilated] },
  },
  {
    of: "Conv2D",
    find: () => {
      const layer = tf.layers.conv2d({ filters: 1, kernelSize: 1, inputShape: [2, 2, 1] });
      tf.sequential({ layers: [layer] });
      return layer;
    },
    fields: {
      call: ["function", dilated],
      kernel: ["object", dilated],
      bias: ["object", dilated],
      strides: ["list", dilated],
      dilationRate: ["list", dilated],
      padding: ["string", dilated],
      dataFormat: ["string", dilated],
      activation: ["object", dilated],
    },
  },
  ...Object.entries(makeOptimizer).map(([name, make]): Ground => {
    const table = "tfjs/optimizers.ts";
    const state = "tfjs/optimizer_state.ts";
    const optimizer = make();
    const known = optimizerClasses[optimizer.getClassName()];
    const of = (fields: string[], kind: Kind) =>
      fields.map((field) => [field, [kind, table]] as [string, [Kind, string]]);
    const flags = known.hyperparameters.filter((field) =>
      ["centered", "useNesterov"].includes(field)
    );
    const numbers = known.hyperparameters.filter((field) => !flags.includes(field));
    // SGD and Momentum update with a tensor of the rate, which only the method recreates.
    const setsRate = ["SGD", "Momentum"].includes(optimizer.getClassName());
    return {
      of: name,
      find: () => {
        const weight = tf.variable(tf.ones([2]));
        optimizer.minimize(() => weight.square().sum() as tf.Scalar, false, [weight]);
        weight.dispose();
        return optimizer;
      },
      fields: {
        iterations_: ["number", state],
        learningRate: ["number", "core/model.ts"],
        setLearningRate: [setsRate ? "function" : "absent", "core/model.ts"],
        applyGradients: ["function", "tfjs/"],
        getClassName: ["function", state],
        incrementIterations: ["function", fused],
        ...(setsRate && { c: ["object", table] }),
        ...(optimizer.getClassName() === "Momentum" && { m: ["object", table] }),
        ...Object.fromEntries(of(slotFieldsOf(optimizer, known), "list")),
        ...Object.fromEntries(of(Object.keys(known.scalars), "variable")),
        ...(known.slots.includes("accumulatedMeanGrads") && { centered: ["boolean", table] }),
        ...Object.fromEntries(of(numbers, "number")),
        ...Object.fromEntries(of(flags, "boolean")),
      },
    };
  }),
  ...Object.entries(makeOptimizer)
    .flatMap(([name, make]) =>
      optimizerClasses[make().getClassName()].slots.slice(0, 1).map((field): Ground => ({
        of: `a slot of ${name}`,
        find: () => {
          const optimizer = make();
          const weight = tf.variable(tf.ones([2]));
          optimizer.minimize(() => weight.square().sum() as tf.Scalar, false, [weight]);
          return (fieldOf(optimizer, field) as object[])[0];
        },
        fields: {
          originalName: ["string", "tfjs/optimizers.ts"],
          variable: ["variable", "tfjs/optimizers.ts"],
        },
      }))
    ),
];

before(async () => {
  await useBackend(tf, "cpu");
  sequential = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
  const compileArgs = { optimizer: "adam", loss: "meanSquaredError", metrics: ["mae"] };
  sequential.compile(compileArgs);
  const input = tf.input({ shape: [3] });
  const output = tf.layers.dense({ units: 2, kernelConstraint: "nonNeg" })
    .apply(input) as tf.SymbolicTensor;
  network = tf.model({ inputs: input, outputs: output });
  network.compile(compileArgs);
  await network.fit(tf.ones([4, 3]), tf.ones([4, 2]), { epochs: 1 });
});
after(() => tf.disposeVariables());

testGrounds("the engine, models and optimizers", grounds);

describe("The private fields of the engine, models and optimizers", () => {
  it("The private fields of the engine name ops by their scope when random numbers are drawn", () => {
    const engine = tf.engine();
    const names: (string | undefined)[] = [];
    const { startScope } = engine;
    engine.startScope = (name) => {
      names.push(name);
      startScope.call(engine, name);
    };
    try {
      tf.randomUniform([1]).dispose();
      tf.randomNormal([1]).dispose();
      tf.truncatedNormal([1]).dispose();
      tf.randomGamma([1], 1).dispose();
      tf.multinomial([0.5, 0.5], 1).dispose();
    } finally {
      engine.startScope = startScope;
    }
    for (
      const op of ["randomUniform", "randomNormal", "truncatedNormal", "randomGamma", "multinomial"]
    ) assert.ok(names.includes(`${op}__op`), `${op}__op: used by ${seed}`);
  });

  it("The private fields of noise layers include the methods by which their call is recognized", () => {
    const { dropout, spatialDropout1d, gaussianNoise, gaussianDropout, alphaDropout } = tf.layers;
    const noiseLayers = [dropout, spatialDropout1d, gaussianDropout, alphaDropout]
      .map((make): object => make({ rate: 0.5 }));
    for (const layer of [...noiseLayers, gaussianNoise({ stddev: 1 })]) {
      assert.ok(drawsNoise(layer), `${layer.constructor.name}.call: used by tfjs/noise.ts`);
    }
  });

  it("The private fields cover every field of the table of optimizers", () => {
    const pinned = new Set(grounds.flatMap(({ fields }) => Object.keys(fields)));
    const used = Object.values(optimizerClasses)
      .flatMap(({ slots, scalars, hyperparameters }) => [
        ...slots,
        ...Object.keys(scalars),
        ...hyperparameters,
      ]);
    assert.deepEqual(used.filter((field) => !pinned.has(field)), []);
  });
});

describe("movedFields", () => {
  it("movedFields reports a field of another kind", () => {
    const ground: Ground = {
      of: "Adam",
      find: () => ({ accBeta1: 0.9 }),
      fields: { accBeta1: ["variable", "tfjs/optimizers.ts"] },
    };
    assert.deepEqual(movedFields(ground), [
      "Adam.accBeta1: expected variable, got number; used by tfjs/optimizers.ts",
    ]);
  });
});
