import { bunRuntime } from "./bun.ts";
import { denoRuntime } from "./deno.ts";
import { nodeRuntime } from "./node.ts";
import type { Runtime } from "./types.ts";

let present: Runtime | undefined;

/**
 * The adapter of this runtime, detected at the first call. Needs no permission.
 *
 * @throws TypeError outside Deno, Bun and Node (>= 20.16), such as in a browser: pass a file system
 *   explicitly there, for example `memoryFileSystem()`
 * @example
 * ```ts
 * import { getRuntime } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const runtime = getRuntime();
 * assert(["deno", "bun", "node"].includes(runtime.name));
 * assert.equal(getRuntime(), runtime);
 * ```
 */
export function getRuntime(): Runtime {
  present ??= detect();
  return present;
}

/** Node is checked last, because Deno and Bun have a `process` too. */
function detect(): Runtime {
  const globals = globalThis as {
    Deno?: { version?: unknown };
    Bun?: unknown;
    process?: { getBuiltinModule?: unknown; versions?: { node?: string } };
  };
  if (globals.Deno?.version !== undefined) return denoRuntime();
  if (globals.Bun !== undefined) return bunRuntime();
  if (typeof globals.process?.getBuiltinModule === "function") return nodeRuntime();
  const node = globals.process?.versions?.node;
  const found = node ? `Node ${node}` : "neither Deno nor Bun nor Node";
  throw new TypeError(
    `Cannot detect the runtime: got ${found}, ` +
      "expected Deno, Bun or Node >= 20.16 (elsewhere pass { fs: memoryFileSystem() })",
  );
}
