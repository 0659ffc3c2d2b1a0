import { messageOf } from "../core/errors.ts";
import { getRuntime } from "./get_runtime.ts";

/** Install command, up to the name of the package. */
const install = { deno: "deno add npm:", bun: "bun add ", node: "npm install " };

/**
 * Create the error of a failed import of a package. It says what to install, or why the package
 * does not load.
 *
 * @param error error of the import
 * @param name name of the package
 * @param version version to install. Default: the latest
 */
export function packageError(error: unknown, name: string, version?: string): Error {
  if (!isMissing(error, name)) {
    return new Error(`the package ${name} does not load: ${messageOf(error)}`, { cause: error });
  }
  const specifier = version === undefined ? name : `${name}@${version}`;
  const command = install[getRuntime().name] + specifier;
  return new Error(`the package ${name} is not installed (${command})`, { cause: error });
}

/**
 * Whether the package itself is missing. The first name in the message may be that of a dependency.
 */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") return false;
  const [, missing] = String(message).match(/["']([^"']+)["']/) ?? [];
  return missing === undefined || missing === name || missing.startsWith(`${name}/`);
}
