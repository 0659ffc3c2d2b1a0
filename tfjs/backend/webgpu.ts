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

/** The graphics card behind WebGPU, in the driver's own words. */
export interface AdapterDescription {
  /** Vendor, such as `"nvidia"`. */
  vendor: string;
  /** Family of cards, such as `"ampere"`. */
  architecture: string;
  /** Identifier of the card. */
  device: string;
  /** Name for people. */
  description: string;
  /** True where the processor plays the card: right, but slower than wasm. */
  isSoftware: boolean;
  /** Where this WebGPU comes from: `navigator.gpu`, the name of a package, or `options.gpu`. */
  source: string;
}

/** What of the backend's package is used. */
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

/** The adapter that a backend of {@linkcode startWebGPU} computes on. */
export function adapterOf(backend: object): AdapterDescription | undefined {
  return adapters.get(backend);
}

/**
 * Set the backend to webgpu. The package's own start is gone around: it does not look whether there
 * is an adapter, and asks for features in a list of lists that only some runtimes take.
 *
 * @param tf the TensorFlow.js that the models are made with
 * @param given an implementation of WebGPU instead of the runtime's
 * @param takesSoftware whether an adapter without a graphics card will do
 * @throws Error that says what is missing; the package may have registered itself by then
 */
export async function startWebGPU(
  tf: typeof tfjs,
  given: GPULike | undefined,
  takesSoftware: boolean,
): Promise<void> {
  const running = tf.engine().registry.webgpu;
  if (running !== undefined) {
    const adapter = adapters.get(running);
    if (!takesSoftware && adapter?.isSoftware) throw softwareError(adapter);
    return await setBackend(tf, "webgpu");
  }
  // Asked for by name, it may be software, which no device stands for.
  if (given === undefined && !takesSoftware) await findCard();
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
  if (!takesSoftware && description.isSoftware) throw softwareError(description);
  const { WebGPUBackend } = await importBackend(tf);
  const device = await adapter.requestDevice(wantedOf(adapter));
  installGlobals(gpu);
  const backend = new WebGPUBackend(device, adapter.info);
  adapters.set(backend, description);
  keepConstants(backend);
  refuseSynchronousReads(backend);
  // Deno has navigator.gpu from the start, so there the package has registered itself.
  forgetWebGPU(tf);
  tf.registerBackend("webgpu", () => backend, 3);
  await setBackend(tf, "webgpu");
}

/** On Node it brings a core of its own, which would warn that there is a platform already. */
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

/** Take the webgpu backend off again, so that nothing starts it by itself. */
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

/** All that the adapter can give of what the kernels look for. */
function wantedOf(adapter: GPUAdapterLike): Parameters<GPUAdapterLike["requestDevice"]>[0] {
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
 * Once uploaded, the host's values are forgotten. Single numbers are kept: an optimizer holds its
 * learning rate and momentum so, where nobody can reach them to read them before another backend
 * is set.
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
 * Outside a browser the package's own way through an OffscreenCanvas fails halfway, with an error
 * that names the canvas. What has been read before may be read synchronously.
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
    }), slower than wasm; ask for "webgpu" to use it`,
  );
}
