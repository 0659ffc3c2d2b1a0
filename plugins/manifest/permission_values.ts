import * as v from "valibot";
import type { PluginPermission } from "./format.ts";
import { commandName, envName, listenAddress, netHost, readPath, writtenPath } from "./values.ts";

/**
 * The value of a permission from the text of an option: for a URL its host for `net` and `listen`,
 * or its origin for `net` over plain http, which reaches another machine only if the URL says so;
 * otherwise the text itself.
 */
export function valueOfOption(kind: PluginPermission, text: string): string {
  const isAddress = kind === "net" || kind === "listen";
  if (!isAddress || !/^https?:\/\//i.test(text) || !URL.canParse(text)) return text;
  const { host, origin, protocol } = new URL(text);
  return kind === "net" && protocol === "http:" ? origin : host;
}

/**
 * Check a value of a permission that comes from an option by the rules for values in a manifest.
 *
 * @returns the expected value; undefined if it is valid
 */
export function valueProblem(kind: PluginPermission, value: string): string | undefined {
  const checked = kind === "net" ? value.replace(/^http:\/\//, "") : value;
  return v.safeParse(schemas[kind], checked).issues?.[0].message;
}

const schemas: Record<PluginPermission, v.GenericSchema> = {
  env: envName,
  ffi: readPath,
  listen: listenAddress,
  net: netHost,
  read: readPath,
  run: commandName,
  write: writtenPath,
};
