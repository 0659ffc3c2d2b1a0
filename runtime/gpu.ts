import { messageOf } from "../core/errors.ts";
import { getRuntime } from "./get_runtime.ts";
import { packageError } from "./package_error.ts";

/** The part of a WebGPU adapter that keepfit uses. */
export interface GPUAdapterLike {
  /** Names of the supported optional features. */
  readonly features: { has(name: string): boolean };
  /** Limits by name. */
  readonly limits: object;
  /** Description of the card. */
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly device?: string;
    readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
  /** Request a device with these features and limits. */
  requestDevice(
    descriptor: { requiredFeatures: string[]; requiredLimits: Record<string, number> },
  ): Promise<GPUDeviceLike>;
}

/** The part of a WebGPU device that keepfit uses. */
export interface GPUDeviceLike {
  /** Release the device. */
  destroy(): void;
}

/** An implementation of WebGPU, such as `navigator.gpu`. */
export interface GPULike {
  /** Find an adapter; null if there is none. */
  requestAdapter(
    options?: { powerPreference?: "low-power" | "high-performance" },
  ): Promise<GPUAdapterLike | null>;
}

/** An implementation of WebGPU and its name. */
export interface FoundGPU {
  gpu: GPULike;
  /** `navigator.gpu`, or the name of its package. */
  source: string;
}

/**
 * The WebGPU of this runtime, or that of an installed package.
 *
 * @throws Error if there is none; it says what to install
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
  throw new Error([`${name} ${version} has no built-in WebGPU`, ...failures].join("; "));
}

/** Device files of graphics cards on Linux: Mesa, NVIDIA, and Windows below WSL. */
const devices = ["/dev/dri", "/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg"];

/** Variables that name Vulkan drivers outside the usual folders. */
const driverVariables = ["VK_ADD_DRIVER_FILES", "VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

/**
 * Check for a graphics card without starting WebGPU. On Linux without a desktop, its libraries warn
 * about XDG_RUNTIME_DIR on the terminal, once for each driver. Only Deno is checked: on other
 * runtimes, WebGPU is a package that the user installed on purpose.
 *
 * @throws Error when there is no card, or Deno may not check for one
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
    // Deno hides the files in /dev without all permissions.
    isKnown = false;
  }
  if (isKnown) throw new Error("there is no graphics card in /dev/dri");
  // If the variable is set, the libraries do not warn.
  if (env("XDG_RUNTIME_DIR")) return;
  throw new Error(
    "Deno may not check for a graphics card in /dev/dri (run it again with -A, or with " +
      `--allow-env=XDG_RUNTIME_DIR on a desktop; or ask for "webgpu")`,
  );
}

/** Packages that provide WebGPU to runtimes without it, in order of preference. */
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
 * Import a package that may be missing.
 *
 * @param name name of the package
 * @param version version for Deno, which downloads packages that no import map names
 * @throws Error that says what to install, or why the package does not load
 */
export async function importPackage(name: string, version?: string): Promise<unknown> {
  const { name: runtime, importModule } = getRuntime();
  try {
    return await importModule(name);
  } catch (error) {
    const failure = packageError(error, name, version);
    // With a node_modules folder, Deno looks only there and in the import map.
    if (runtime !== "deno" || version === undefined) throw failure;
    try {
      return await importModule(`npm:${name}@${version}`);
    } catch {
      // A module inside a package may not import by `npm:` specifier.
      throw failure;
    }
  }
}

/** Globals that the WebGPU backend uses. Numbers are those of the specification. */
const globals: Record<string, unknown> = {
  // Detected by their methods, because a package may hide its classes.
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

/** Define the globals of WebGPU that this runtime lacks. */
export function installGlobals(gpu: GPULike): void {
  const scope = globalThis as Record<string, unknown>;
  for (const [name, value] of Object.entries(globals)) {
    if (!(name in scope)) define(scope, name, value);
  }
  // Missing in Node 20. Other libraries read userAgent, so it has the format of Node 21.
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
