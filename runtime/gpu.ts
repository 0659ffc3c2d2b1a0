import { messageOf } from "../core/errors.ts";
import { getRuntime } from "./get_runtime.ts";
import { packageError } from "./package_error.ts";

/** The part of a WebGPU adapter that is used. */
export interface GPUAdapterLike {
  /** Names of its optional features. */
  readonly features: { has(name: string): boolean };
  /** Its limits by name. */
  readonly limits: object;
  /** Description of the card. */
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly device?: string;
    readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
  /** Open a device with these features and limits. */
  requestDevice(
    wanted: { requiredFeatures: string[]; requiredLimits: Record<string, number> },
  ): Promise<GPUDeviceLike>;
}

/** The part of a WebGPU device that is used. */
export interface GPUDeviceLike {
  /** Release the device. */
  destroy(): void;
}

/** An implementation of WebGPU, as `navigator.gpu` is one. */
export interface GPULike {
  /** Find an adapter; null when there is none. */
  requestAdapter(
    options?: { powerPreference?: "low-power" | "high-performance" },
  ): Promise<GPUAdapterLike | null>;
}

/** An implementation of WebGPU, and what to call it. */
export interface FoundGPU {
  gpu: GPULike;
  /** `navigator.gpu`, or the package that it came from. */
  source: string;
}

/**
 * The WebGPU of this runtime: its own, else that of an installed package.
 *
 * @throws Error when there is none, with what to install
 */
export async function findGPU(): Promise<FoundGPU> {
  const own = (globalThis as { navigator?: { gpu?: GPULike } }).navigator?.gpu;
  if (own) return { gpu: own, source: "navigator.gpu" };
  const { name, version } = getRuntime();
  const failures: string[] = [];
  for (const [source, take] of Object.entries(packages[name])) {
    try {
      return { gpu: take(await importPackage(source)), source };
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throw new Error([`${name} ${version} has no WebGPU of its own`, ...failures].join("; "));
}

/** What Linux shows of a graphics card: Mesa's drivers, NVIDIA's, and Windows's behind WSL. */
const devices = ["/dev/dri", "/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg"];

/** Where a Vulkan driver is that is not in its folder. */
const driverVariables = ["VK_ADD_DRIVER_FILES", "VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

/**
 * Look whether there may be a graphics card, without starting WebGPU: on Linux without a desktop its
 * libraries write to the terminal that XDG_RUNTIME_DIR is not set, once for each that is tried. Only
 * Deno is asked, for elsewhere WebGPU is a package that somebody has installed to use it.
 *
 * @throws Error when there is no card, or Deno may not look for one
 */
export async function findCard(): Promise<void> {
  const { name, env } = getRuntime();
  if (name !== "deno" || Deno.build.os !== "linux") return;
  if (driverVariables.some((variable) => env(variable))) return;
  let isKnown = true;
  for (const path of devices) {
    const { state } = await Deno.permissions.query({ name: "read", path });
    try {
      if (state === "granted" && (await Deno.stat(path))) return;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
    }
    // Deno shows nothing in /dev without all permissions.
    isKnown = false;
  }
  if (isKnown) throw new Error("there is no graphics card in /dev/dri");
  // Then nothing is written.
  if (env("XDG_RUNTIME_DIR")) return;
  throw new Error(
    "Deno may not look for a graphics card in /dev/dri (run it again with -A, or with " +
      `--allow-env=XDG_RUNTIME_DIR on a desktop; or ask for "webgpu")`,
  );
}

/** Who brings WebGPU where the runtime has none, the better one first. */
const packages: Record<"deno" | "bun" | "node", Record<string, (module: unknown) => GPULike>> = {
  deno: {},
  bun: { webgpu: fromWebgpu, "bun-webgpu": fromBunWebgpu },
  node: { webgpu: fromWebgpu },
};

function fromWebgpu(module: unknown): GPULike {
  return (module as { create(flags: string[]): GPULike }).create([]);
}

function fromBunWebgpu(module: unknown): GPULike {
  return (module as { createGPUInstance(): GPULike }).createGPUInstance();
}

/**
 * Import a package that may be absent.
 *
 * @param name the package
 * @param version for Deno, which can take it from the registry where no import map names it
 * @throws Error that says what to install, or why it does not load
 */
export async function importPackage(name: string, version?: string): Promise<unknown> {
  const { name: runtime, importModule } = getRuntime();
  try {
    return await importModule(name);
  } catch (error) {
    const failure = packageError(error, name, version);
    // Where there is a node_modules folder, Deno looks only there and in the import map.
    if (runtime !== "deno" || version === undefined) throw failure;
    try {
      return await importModule(`npm:${name}@${version}`);
    } catch {
      // A module that is itself in a package may import nothing so.
      throw failure;
    }
  }
}

/** What the WebGPU backend takes from the global. Numbers are those of the specification. */
const globals: Record<string, unknown> = {
  // Known by what they can do, for a package may hide its classes.
  GPUBuffer: withMethod("mapAsync"),
  GPUTexture: withMethod("createView"),
  GPUBufferUsage: {
    MAP_READ: 0x1,
    MAP_WRITE: 0x2,
    COPY_SRC: 0x4,
    COPY_DST: 0x8,
    INDEX: 0x10,
    VERTEX: 0x20,
    UNIFORM: 0x40,
    STORAGE: 0x80,
    INDIRECT: 0x100,
    QUERY_RESOLVE: 0x200,
  },
  GPUMapMode: { READ: 0x1, WRITE: 0x2 },
  GPUShaderStage: { VERTEX: 0x1, FRAGMENT: 0x2, COMPUTE: 0x4 },
  GPUTextureUsage: {
    COPY_SRC: 0x1,
    COPY_DST: 0x2,
    TEXTURE_BINDING: 0x4,
    STORAGE_BINDING: 0x8,
    RENDER_ATTACHMENT: 0x10,
  },
};

function withMethod(method: string): object {
  return class {
    static [Symbol.hasInstance](value: Record<string, unknown> | null): boolean {
      return typeof value?.[method] === "function";
    }
  };
}

/** Put on the global what WebGPU has there in a browser and this runtime lacks. */
export function installGlobals(gpu: GPULike): void {
  const scope = globalThis as Record<string, unknown>;
  for (const [name, value] of Object.entries(globals)) {
    if (!(name in scope)) define(scope, name, value);
  }
  // Node 20 has none. Others look at its userAgent, so it says what Node 21 does.
  if (scope.navigator === undefined) {
    const { name, version } = getRuntime();
    const major = version.split(".")[0];
    define(scope, "navigator", { userAgent: `${name === "bun" ? "Bun" : "Node.js"}/${major}` });
  }
  const navigator = scope.navigator as Record<string, unknown>;
  if (!navigator.gpu) define(navigator, "gpu", gpu);
}

function define(owner: object, name: string, value: unknown): void {
  Object.defineProperty(owner, name, { configurable: true, enumerable: false, value });
}
