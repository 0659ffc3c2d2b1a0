/**
 * Files, terminal, signals and HTTP with one interface on Deno, Bun and Node, and the names of
 * `keepfit/checkpoints` and `keepfit/backend`.
 *
 * @module
 */
export * from "./mod.ts";
// No room imports this file, because it brings the kernels along.
export * from "../checkpoints/mod.ts";
export {
  type AdapterDescription,
  type BackendChoice,
  type BackendDescription,
  type BackendName,
  type BackendOptions,
  type ChosenBackend,
  describeBackend,
  type GPUAdapterLike,
  type GPUDeviceLike,
  type GPULike,
  useBackend,
  type WasmPaths,
} from "../tfjs/backend/mod.ts";
