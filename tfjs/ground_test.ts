/**
 * The private fields of TensorFlow.js that keepfit relies on: where each one must be, its type and
 * the file that uses it. After an upgrade of TensorFlow.js, this test names the fields that
 * changed.
 */
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { type GPULike, useBackend } from "keepfit/backend";
import { listFiles, root } from "../tests/files.ts";
import { makeOptimizer } from "./optimizer_fixtures.ts";
import { optimizerClasses, slotFieldsOf } from "./optimizers.ts";

type Kind =
  | "boolean"
  | "function"
  | "list"
  | "number"
  | "object"
  | "string"
  | "variable"
  | "absent";

/** Fields of one object, each with its kind and the file, or `room/`, that uses it. */
interface Ground {
  of: string;
  /** Returns the object. */
  find(): object;
  fields: Record<string, [kind: Kind, usedBy: string]>;
}

const kernels = "tfjs/kernels/wasm.ts";
const dilated = "tfjs/kernels/dilated_layers.ts";
const storage = "tfjs/fused/storage.ts";
const device = "tfjs/fused/device.ts";
const threads = "tfjs/backend/wasm_threads.ts";
const compiled = "tfjs/compiled.ts";
const engine = "tfjs/engine.ts";
const forward = "tfjs/forward.ts";
const fused = "tfjs/fused/update.ts";
const layers = "tfjs/layers.ts";
const profiler = "tfjs/profiler.ts";
const seed = "tfjs/random_seed.ts";

interface WasmParts {
  makeOutput(shape: number[], dtype: string): tf.TensorInfo;
  dataIdMap: { get(dataId: tf.DataId): object };
}

interface WebGPUParts {
  computePassEncoder: object;
  tensorMap: { get(dataId: tf.DataId): object };
  ensureCommandEncoderReady(): void;
  uploadToGPU(dataId: tf.DataId): void;
  makeTensorInfo(shape: number[], dtype: string, values: Float32Array): tf.TensorInfo;
  createTensorFromGPUData(data: object, shape: number[], dtype: string): tf.Tensor;
}

interface CpuParts {
  data: { get(dataId: tf.DataId): object };
}

let sequential: tf.Sequential;
let network: tf.LayersModel;
let wasmBackend: object;
/** On a device that computes nothing. */
let webgpuBackend: object;

const fieldOf = (of: object, field: string) => (of as Record<string, unknown>)[field];
const partOf = (of: object, field: string) => fieldOf(of, field) as object;

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
      model: ["object", compiled],
      build: ["function", compiled],
      pop: ["function", forward],
      getClassName: ["function", layers],
      getTrainingConfig: ["function", compiled],
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
      metrics: ["list", compiled],
      metricsTensors: ["list", compiled],
      inputNames: ["list", compiled],
      outputNames: ["list", compiled],
      feedInputShapes: ["list", compiled],
      internalOutputShapes: ["list", compiled],
      collectedTrainableWeights: ["list", compiled],
      getTrainingConfig: ["function", compiled],
      calculateLosses: ["function", compiled],
      isTraining: ["boolean", compiled],
      stateful: ["boolean", compiled],
      runInternalGraph: ["function", forward],
    },
  },
  {
    of: "an entry of LayersModel.metricsTensors",
    find: () => (fieldOf(network, "metricsTensors") as object[])[0],
    fields: { 0: ["function", compiled], 1: ["number", compiled] },
  },
  {
    of: "LayerVariable",
    find: () => network.trainableWeights.find(({ name }) => name.includes("kernel")) as object,
    fields: {
      id: ["number", "core/weight_names.ts"],
      originalName: ["string", "core/weight_names.ts"],
      read: ["function", compiled],
      val: ["variable", compiled],
      constraint: ["object", compiled],
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
      computeMask: ["function", forward],
      getClassName: ["function", layers],
    },
  },
  {
    of: "Layer.inboundNodes[0]",
    find: () => network.layers[1].inboundNodes[0],
    fields: {
      outputTensors: ["list", forward],
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
  {
    of: "BackendWasm",
    find: () => wasmBackend,
    fields: {
      makeOutput: ["function", kernels],
      typedArrayFromHeap: ["function", kernels],
      incRef: ["function", kernels],
      disposeData: ["function", kernels],
      readSync: ["function", kernels],
      wasm: ["object", threads],
      dataIdMap: ["object", storage],
      epsilon: ["function", fused],
    },
  },
  {
    of: "BackendWasm.wasm.tfjs",
    find: () => partOf(partOf(wasmBackend, "wasm"), "tfjs"),
    fields: {
      getThreadsCount: ["function", threads],
      registerTensor: ["function", storage],
      disposeData: ["function", storage],
    },
  },
  {
    of: "BackendWasm.wasm.asm",
    find: () => partOf(partOf(wasmBackend, "wasm"), "asm"),
    // With threads it is BackendWasm.wasm.wasmMemory, as the test of the updates sees.
    fields: { memory: ["object", storage] },
  },
  {
    of: "the data of a tensor on wasm",
    find: () => {
      const { dataId } = (wasmBackend as WasmParts).makeOutput([2], "float32");
      return (wasmBackend as WasmParts).dataIdMap.get(dataId);
    },
    fields: {
      id: ["number", storage],
      memoryOffset: ["number", storage],
      refCount: ["number", storage],
    },
  },
  {
    of: "MathBackendCPU",
    find: () => tf.backend(),
    fields: { data: ["object", storage], epsilon: ["function", fused] },
  },
  {
    of: "the data of a tensor on cpu",
    find: () => (tf.backend() as unknown as CpuParts).data.get(tf.ones([2]).dataId),
    fields: { values: ["object", storage], refCount: ["number", storage] },
  },
  {
    of: "WebGPUBackend",
    find: () => webgpuBackend,
    fields: {
      device: ["object", device],
      queue: ["object", device],
      dispatchCountInPass: ["number", device],
      commandQueueOwnedIds: ["object", device],
      uniformPendingDisposal: ["list", device],
      bufferManager: ["object", device],
      tensorMap: ["object", device],
      ensureCommandEncoderReady: ["function", device],
      endComputePassEncoder: ["function", device],
      submitQueue: ["function", device],
      makeTensorInfo: ["function", device],
      uploadToGPU: ["function", device],
      read: ["function", device],
      disposeData: ["function", device],
      makeUniforms: ["function", "tfjs/uniforms.ts"],
      readSync: ["function", "tfjs/backend/webgpu.ts"],
      epsilon: ["function", fused],
    },
  },
  {
    of: "WebGPUBackend with commands that are not submitted",
    find: () => {
      const backend = webgpuBackend as WebGPUParts;
      backend.ensureCommandEncoderReady();
      backend.computePassEncoder = { end: () => {} };
      return { ...backend };
    },
    fields: { commandEncoder: ["object", device], computePassEncoder: ["object", device] },
  },
  {
    of: "WebGPUBackend.bufferManager",
    find: () => partOf(webgpuBackend, "bufferManager"),
    fields: {
      acquireBuffer: ["function", device],
      numBytesUsed: ["number", "tfjs/submissions.ts"],
    },
  },
  {
    of: "the data of a tensor on webgpu",
    find: () => {
      const backend = webgpuBackend as WebGPUParts;
      const { dataId } = backend.makeTensorInfo([2], "float32", Float32Array.of(1, 2));
      const before = { ...backend.tensorMap.get(dataId) };
      backend.uploadToGPU(dataId);
      return { ...before, ...backend.tensorMap.get(dataId), values: fieldOf(before, "values") };
    },
    fields: {
      values: ["object", device],
      resource: ["object", device],
      refCount: ["number", device],
    },
  },
  {
    of: "the data of a tensor on webgpu with a buffer of the user",
    find: () => {
      const backend = webgpuBackend as WebGPUParts;
      const buffer = { size: 8, usage: 0x84 };
      const { dataId } = backend.createTensorFromGPUData(
        { buffer, zeroCopy: true },
        [2],
        "float32",
      );
      return backend.tensorMap.get(dataId);
    },
    fields: { external: ["boolean", device] },
  },
  ...Object.entries(makeOptimizer).map(([name, make]): Ground => {
    const table = "tfjs/optimizers.ts";
    const state = "tfjs/optimizer_state.ts";
    const optimizer = make();
    const known = optimizerClasses[optimizer.getClassName()];
    const of = (fields: string[], kind: Kind) =>
      fields.map((field) => [field, [kind, table]] as [string, [Kind, string]]);
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
        ...("accBeta1" in known.scalars && { beta1: ["number", table], beta2: ["number", table] }),
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

/** Messages about fields that are not as expected. */
function moved({ of, find, fields }: Ground): string[] {
  const found = find();
  return Object.entries(fields).flatMap(([field, [kind, usedBy]]) => {
    const got = kindOf(fieldOf(found, field));
    const isRight = got === kind || (kind === "object" && got === "list");
    return isRight ? [] : [`${of}.${field}: expected ${kind}, got ${got}; used by ${usedBy}`];
  });
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return "absent";
  if (Array.isArray(value)) return "list";
  return value instanceof tf.Variable ? "variable" : typeof value;
}

/** Source text of a file, or of all files of a room. */
function sourceOf(path: string): string {
  const files = path.endsWith("/")
    ? listFiles().filter((file) => file.startsWith(path) && !file.endsWith("_test.ts"))
    : [path];
  return files.map((file) => readFileSync(root + file, "utf8")).join("\n");
}

/** A WebGPU that takes every command, and knows only the product by which `useBackend` tries it. */
function idleWebGPU(): GPULike {
  const pass = {
    setPipeline: () => {},
    setBindGroup: () => {},
    dispatchWorkgroups: () => {},
    end: () => {},
  };
  const encoder = {
    beginComputePass: () => pass,
    copyBufferToBuffer: () => {},
    finish: () => ({}),
  };
  const device = {
    queue: { submit: () => {}, writeBuffer: () => {} },
    features: new Set(),
    limits: { maxComputeWorkgroupsPerDimension: 65_535, maxStorageBuffersPerShaderStage: 8 },
    createCommandEncoder: () => encoder,
    createShaderModule: () => ({}),
    createComputePipeline: () => ({ getBindGroupLayout: () => ({}) }),
    createBindGroup: () => ({}),
    createBuffer: ({ size, usage }: { size: number; usage: number }) => ({
      size,
      usage,
      mapState: "mapped",
      mapAsync: () => Promise.resolve(),
      getMappedRange: () =>
        size === 16 ? Float32Array.of(19, 22, 43, 50).buffer : new ArrayBuffer(size),
      unmap: () => {},
      destroy: () => {},
    }),
    destroy: () => {},
  };
  const adapter = {
    features: new Set<string>(),
    limits: {},
    info: {},
    requestDevice: () => Promise.resolve(device),
  };
  return { requestAdapter: () => Promise.resolve(adapter) };
}

const idle = idleWebGPU();

before(async () => {
  await useBackend(tf, "wasm");
  wasmBackend = tf.backend();
  await useBackend(tf, "webgpu", { gpu: idle });
  webgpuBackend = tf.backend();
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
after(() => {
  tf.disposeVariables();
  tf.removeBackend("webgpu");
  // Defined where the runtime has none.
  const { navigator } = globalThis as { navigator?: { gpu?: unknown } };
  if (navigator?.gpu === idle) Reflect.deleteProperty(navigator as object, "gpu");
});

describe("The private fields of TensorFlow.js", () => {
  for (const ground of grounds) {
    it(`The private fields of ${ground.of} are where keepfit uses them`, () => {
      assert.deepEqual(moved(ground), []);
    });
  }

  it("The private fields name ops by their scope when random numbers are drawn", () => {
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

  it("The private fields have users that still use them", () => {
    const stale = grounds.flatMap(({ of, fields }) =>
      Object.entries(fields)
        .filter(([field]) => !/^\d$/.test(field))
        .filter(([field, [, usedBy]]) => {
          return !new RegExp(`\\b${field}\\b`).test(sourceOf(usedBy));
        })
        .map(([field, [, usedBy]]) => `${of}.${field} is not in ${usedBy}`)
    );
    assert.deepEqual(stale, []);
  });

  it("The private fields cover every field of the table of optimizers", () => {
    const pinned = new Set(grounds.flatMap(({ fields }) => Object.keys(fields)));
    const used = Object.values(optimizerClasses)
      .flatMap(({ slots, scalars }) => [...slots, ...Object.keys(scalars)]);
    assert.deepEqual(used.filter((field) => !pinned.has(field)), []);
  });
});

describe("The check of the private fields", () => {
  it("The check of the private fields names a renamed field, for each pinned one", () => {
    for (const ground of grounds) {
      const found = ground.find();
      for (const [field, [kind]] of Object.entries(ground.fields)) {
        const renamed = new Proxy({}, {
          get: (_none, key) => key === field ? undefined : Reflect.get(found, key),
        });
        const messages = moved({ ...ground, find: () => renamed });
        assert.equal(messages.length, kind === "absent" ? 0 : 1, `${ground.of}.${field}`);
        if (kind !== "absent") {
          assert.ok(messages[0].startsWith(`${ground.of}.${field}: expected `));
        }
      }
    }
  });

  it("The check of the private fields names a field of a different type", () => {
    const ground: Ground = {
      of: "Adam",
      find: () => ({ accBeta1: 0.9 }),
      fields: { accBeta1: ["variable", "tfjs/optimizers.ts"] },
    };
    assert.deepEqual(moved(ground), [
      "Adam.accBeta1: expected variable, got number; used by tfjs/optimizers.ts",
    ]);
  });
});
