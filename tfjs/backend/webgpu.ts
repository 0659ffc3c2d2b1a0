import type * as tfjs from "@tensorflow/tfjs";
import {
  findCard,
  findGPU,
  type GPUAdapterLike,
  type GPUDeviceLike,
  type GPULike,
  importPackage,
  installGlobals,
} from "../../runtime/gpu.ts";
import { setBackend } from "./set_backend.ts";

/** The graphics card of a WebGPU adapter, as the driver describes it. */
export interface AdapterDescription {
  /** Vendor, such as `"nvidia"`. */
  vendor: string;
  /** Family of cards, such as `"ampere"`. */
  architecture: string;
  /** Identifier of the card. */
  device: string;
  /** Name for people. */
  description: string;
  /** Whether the processor emulates the card: correct, but slower than wasm. */
  isSoftware: boolean;
  /** Source of this WebGPU: `navigator.gpu`, the name of a package, or `options.gpu`. */
  source: string;
}

/** The used part of the backend's package. */
interface WebGPUModule {
  WebGPUBackend: new (device: GPUDeviceLike, info: GPUAdapterLike["info"]) => WebGPUBackend;
}

type WebGPUBackend = tfjs.KernelBackend & {
  readonly tensorMap: { get(dataId: object): TensorData };
  uploadToGPU(dataId: object): void;
};

interface TensorData {
  dtype: tfjs.DataType;
  values?: ArrayLike<unknown> | null;
}

const adapters = new WeakMap<object, AdapterDescription>();

/** The adapter of a backend started by {@linkcode startWebGPU}. */
export function adapterOf(backend: object): AdapterDescription | undefined {
  return adapters.get(backend);
}

/**
 * Set the backend to webgpu. The package's own start is bypassed: it does not check for an adapter,
 * and requests features in a nested list that only some runtimes accept.
 *
 * @param tf the TensorFlow.js that the models are made with
 * @param given implementation of WebGPU. Default: the runtime's
 * @param acceptsSoftware whether to accept a software adapter
 * @throws Error that says what is missing; the package may then have registered itself
 */
export async function startWebGPU(
  tf: typeof tfjs,
  given: GPULike | undefined,
  acceptsSoftware: boolean,
): Promise<void> {
  const running = tf.engine().registry.webgpu;
  if (running !== undefined) {
    const adapter = adapters.get(running);
    if (!acceptsSoftware && adapter?.isSoftware) throw softwareError(adapter);
    return await setBackend(tf, "webgpu");
  }
  // By name, a software adapter is accepted, which needs no device file.
  if (given === undefined && !acceptsSoftware) await findCard();
  const { gpu, source } = given === undefined
    ? await findGPU()
    : { gpu: given, source: "options.gpu" };
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new Error(
      `${source} finds no adapter: there is no graphics card, or no driver for it ` +
        "(Vulkan on Linux, Metal on macOS, Direct3D 12 on Windows)",
    );
  }
  const description = describe(adapter, source);
  if (!acceptsSoftware && description.isSoftware) throw softwareError(description);
  const { WebGPUBackend } = await importBackend(tf);
  const device = await adapter.requestDevice(deviceDescriptor(adapter));
  installGlobals(gpu);
  const backend = new WebGPUBackend(device, adapter.info);
  adapters.set(backend, description);
  keepConstants(backend);
  refuseSynchronousReads(backend);
  // Deno always has navigator.gpu, so the package registers itself there.
  forgetWebGPU(tf);
  tf.registerBackend("webgpu", () => backend, 3);
  await setBackend(tf, "webgpu");
}

/** On Node it brings its own copy of tfjs-core, which would warn about a duplicate platform. */
async function importBackend(tf: typeof tfjs): Promise<WebGPUModule> {
  const env = tf.env();
  const isProduction = env.getBool("PROD");
  env.set("PROD", true);
  try {
    const version = tf.version_core;
    return await importPackage("@tensorflow/tfjs-backend-webgpu", version) as WebGPUModule;
  } finally {
    env.set("PROD", isProduction);
  }
}

/** Unregister the webgpu backend, so that nothing starts it later. */
export function forgetWebGPU(tf: typeof tfjs): void {
  if (tf.findBackendFactory("webgpu") !== null) tf.removeBackend("webgpu");
}

function describe({ info }: GPUAdapterLike, source: string): AdapterDescription {
  const { vendor = "", architecture = "", device = "", description = "" } = info ?? {};
  const isSoftware = info?.isFallbackAdapter === true ||
    /llvmpipe|lavapipe|softpipe|swiftshader|software|basic render/i
      .test([architecture, device, description].join(" "));
  return { vendor, architecture, device, description, isSoftware, source };
}

/** The optional features and limits that the kernels use, as far as the adapter has them. */
function deviceDescriptor(adapter: GPUAdapterLike): Parameters<GPUAdapterLike["requestDevice"]>[0] {
  const requiredFeatures = ["timestamp-query", "bgra8unorm-storage"]
    .filter((feature) => adapter.features.has(feature));
  const requiredLimits: Record<string, number> = {};
  // Getters of the prototype on some runtimes, and bigints on old ones.
  for (const name in adapter.limits) {
    const limit = (adapter.limits as Record<string, unknown>)[name];
    if (typeof limit === "number" || typeof limit === "bigint") {
      requiredLimits[name] = Number(limit);
    }
  }
  return { requiredFeatures, requiredLimits };
}

/**
 * Drop the host's copy of values once they are uploaded. Scalars are kept: an optimizer's learning
 * rate and momentum are scalars, which could not be read before switching to another backend.
 */
function keepConstants(backend: WebGPUBackend): void {
  const { uploadToGPU } = backend;
  backend.uploadToGPU = (dataId) => {
    const data = backend.tensorMap.get(dataId);
    const { values } = data;
    uploadToGPU.call(backend, dataId);
    if (values?.length === 1) data.values = values;
  };
}

/**
 * Outside a browser the package's way through an OffscreenCanvas fails halfway, with an error about
 * the canvas. Values that were read before can be read synchronously.
 */
function refuseSynchronousReads(backend: WebGPUBackend): void {
  const { readSync } = backend;
  if ("document" in globalThis) return;
  backend.readSync = (dataId) => {
    const { values, dtype } = backend.tensorMap.get(dataId);
    if (values == null && dtype !== "string" && dtype !== "complex64") {
      throw new TypeError(
        "Cannot read a tensor synchronously on webgpu outside a browser: " +
          "use `await tensor.data()` or `await tensor.array()`",
      );
    }
    return readSync.call(backend, dataId);
  };
}

function softwareError({ description, device }: AdapterDescription): Error {
  return new Error(
    `its adapter is software (${
      description || device
    }), slower than wasm; request "webgpu" to use it`,
  );
}
