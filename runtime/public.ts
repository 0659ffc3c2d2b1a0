/**
 * The seam to the machine: files, terminal, signals and HTTP in one shape on Deno, Bun and Node. The
 * names of `keepfit/checkpoints` and `keepfit/backend` are here too.
 *
 * @module
 */
export * from "./mod.ts";
// Nothing in the house imports this file: who wants files alone gets no kernels with them.
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
