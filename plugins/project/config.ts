import { getRuntime } from "../../runtime/mod.ts";
import type { FileSystem, Path } from "../../runtime/types.ts";
import { configName, configSchema, type PluginConfig } from "./config_format.ts";
import { PluginError } from "../errors.ts";
import { textOf } from "../../runtime/change_file.ts";
import { changeFile } from "./change_file.ts";
import { findFile, urlOfPath } from "../../runtime/find_upward.ts";
import { isRelative, toLocked } from "./lock.ts";
import { hasProblems, parseJson, schemaProblems } from "../manifest/schema_problems.ts";

/** A parsed config file. */
export interface ConfigFile {
  url: URL;
  config: PluginConfig;
}

/**
 * Read `keepfit.json`.
 *
 * @param path path of the file. Default: the nearest one
 * @returns undefined if no path is given and there is no file
 * @throws PluginError `E_CONFIG` when it cannot be used, or a given path does not exist
 */
export async function readConfig(
  path: Path | undefined,
  { fs = getRuntime().fs }: { fs?: FileSystem } = {},
): Promise<ConfigFile | undefined> {
  const url = path === undefined ? await findFile(fs, configName) : urlOfPath(path);
  if (url === undefined) return undefined;
  const text = await textOf(fs, url);
  if (text !== undefined) return { url, config: parseConfig(text, url.href) };
  throw new PluginError("E_CONFIG", `Cannot read ${url}: there is no such file`, {
    url: url.href,
    hint: `keepfit add creates ${configName}`,
  });
}

/**
 * Change `keepfit.json`, which is created if missing. Unchanged parts keep their text, except for
 * white space.
 *
 * @param url URL of the file
 * @param change returns the new content
 * @throws PluginError `E_CONFIG` when it cannot be used
 */
export async function updateConfig(
  url: URL,
  change: (config: PluginConfig) => PluginConfig,
  { fs = getRuntime().fs }: { fs?: FileSystem } = {},
): Promise<void> {
  await changeFile(fs, url, (text) => {
    const config = text === undefined ? {} : parseConfig(text, url.href);
    const indent = /^[ \t]+(?=")/m.exec(text ?? "")?.[0] ?? "  ";
    return `${JSON.stringify(change(config), null, indent)}\n`;
  });
}

/**
 * Parse `keepfit.json`.
 *
 * @throws PluginError `E_CONFIG` with one line for each problem
 */
export function parseConfig(text: string, url: string): PluginConfig {
  const data = parseJson(text, "E_CONFIG", url, url);
  const problems = schemaProblems(configSchema, data, `a ${configName}`);
  if (problems.length > 0) throw hasProblems("E_CONFIG", url, url, problems);
  return data as PluginConfig;
}

/** Resolve a reference of a config file: one that begins with a dot is a path from the file. */
export function configReference(reference: string, config: URL): string {
  return isRelative(reference) ? new URL(reference, config).href : reference;
}

/** A path as a config file writes it: relative if it is below the folder of the file. */
export function toConfigPath(url: URL, config: URL): string {
  const written = toLocked(url, config);
  return isRelative(written) ? decodeURIComponent(written) : written;
}

/** Resolve a registry of a config file: a URL, or a folder relative to the file. */
export function configRegistry(
  registry: string | undefined,
  config: URL,
): string | URL | undefined {
  if (registry === undefined || /^https?:/.test(registry)) return registry;
  return configPath(registry, config);
}

/** Resolve a path of a config file, relative to the file. */
export function configPath<P extends string | undefined>(
  path: P,
  config: URL,
): P extends string ? URL : URL | undefined;
export function configPath(path: string | undefined, config: URL): URL | undefined {
  if (path === undefined) return undefined;
  if (/^(file:|\/|[A-Za-z]:[\\/])/.test(path)) {
    return path.startsWith("file:") ? new URL(path) : urlOfPath(path);
  }
  return new URL(path.split("/").map(encodeURIComponent).join("/"), config);
}
