import { Option } from "commander";
import { getRuntime } from "../runtime/mod.ts";
import type { FileSystem } from "../runtime/types.ts";

/** Options of a command that uses a hub. */
export interface HubAccessOptions {
  registry?: string;
  token?: string;
  tokenFile?: string;
}

/** `--token`; other users of the machine can see it. */
export function tokenOption(): Option {
  return new Option(
    "--token <TOKEN>",
    "Your token for the hub; other users of this machine can see it. Default: KEEPFIT_TOKEN.",
  ).conflicts("tokenFile");
}

/** `--token-file`. */
export function tokenFileOption(): Option {
  return new Option("--token-file <FILE>", "File with your token for the hub.");
}

/**
 * The hub and the token of a command, from its options or `KEEPFIT_REGISTRY` and `KEEPFIT_TOKEN`.
 *
 * @param verb verb for the message
 * @param fs file system of the token file
 * @throws TypeError if the hub or the token is missing
 * @throws FileSystemError when the file cannot be read
 */
export async function hubAccess(
  { registry, token, tokenFile }: HubAccessOptions,
  verb: string,
  fs: FileSystem,
): Promise<{ registry: string; token: string }> {
  return {
    registry: registry ??
      named("KEEPFIT_REGISTRY", `Cannot ${verb} without a hub: pass --registry`),
    token: tokenFile !== undefined
      ? (await fs.readTextFile(tokenFile)).trim()
      : token ?? named("KEEPFIT_TOKEN", `Cannot ${verb} without a token: pass --token-file`),
  };
}

function named(variable: string, message: string): string {
  const value = getRuntime().env(variable);
  if (value) return value;
  throw new TypeError(`${message}, or set ${variable}`);
}
