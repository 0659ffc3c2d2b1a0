/** The private fields of TensorFlow.js's backends that keepfit relies on; see ground_test.ts. */
import * as tf from "@tensorflow/tfjs";
import { after, before } from "node:test";
import { type GPULike, useBackend } from "keepfit/backend";
import { fieldOf, type Ground, partOf, testGrounds } from "./ground_fixtures.ts";

const kernels = "tfjs/kernels/wasm.ts";
const storage = "tfjs/fused/storage.ts";
const device = "tfjs/fused/device.ts";
const threads = "tfjs/backend/wasm_threads.ts";
const webgpu = "tfjs/backend/webgpu.ts";
const fused = "tfjs/fused/update.ts";
const memory = "tfjs/plan/memory.ts";

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

let wasmBackend: object;
/** On a device that computes nothing. */
let webgpuBackend: object;

const grounds: Ground[] = [
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
    of: "BackendWasm.wasm",
    find: () => partOf(wasmBackend, "wasm"),
    fields: {
      tfjs: ["object", storage],
      asm: ["object", memory],
      _malloc: ["function", memory],
      _free: ["function", memory],
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
      readSync: ["function", webgpu],
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
];

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
});
after(() => {
  tf.removeBackend("webgpu");
  // Defined where the runtime has none.
  const { navigator } = globalThis as { navigator?: { gpu?: unknown } };
  if (navigator?.gpu === idle) Reflect.deleteProperty(navigator as object, "gpu");
});

testGrounds("the backends", grounds);
