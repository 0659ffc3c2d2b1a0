import { PluginError } from "../errors.ts";
import {
  type PermissionEntry,
  type PluginManifest,
  type PluginPermission,
  pluginPermissions,
} from "../manifest/format.ts";
import { valueOfOption, valueProblem } from "../manifest/permission_values.ts";
import { coversNet } from "./net_pattern.ts";

/**
 * Permissions that a user grants, except `write`: a list of kinds, or for each kind `true` for
 * everything declared or a list of values, `{ net: ["hooks.example.com"], read: true }`.
 */
export type Allowed =
  | readonly PluginPermission[]
  | Partial<Record<PluginPermission, true | readonly string[]>>;

/** A granted kind of permission. */
export interface Grant {
  /** Values of the manifest, with options filled in. */
  declared: readonly string[];
  /** Values that the user granted; true for all declared ones. */
  agreed: true | readonly string[];
}

/** Everything that a plugin may access, by kind; a missing kind is denied. */
export type Grants = Partial<Record<PluginPermission, Grant>>;

/** Whether both the manifest and the user allow a value. */
export function isGranted(
  grant: Grant | undefined,
  value: string,
  covers: (pattern: string, value: string) => boolean,
): boolean {
  return grant !== undefined && grant.declared.some((pattern) => covers(pattern, value)) &&
    (grant.agreed === true || grant.agreed.some((pattern) => covers(pattern, value)));
}

/**
 * The permissions that a plugin is granted: those it declares and the user agreed to.
 *
 * @param manifest manifest of the plugin
 * @param url URL of the manifest, for messages
 * @param options validated options of the plugin, which permissions may name
 * @param allow permissions that the user grants
 * @param writes true if the user named an output directory, which is the consent to `write`
 * @throws PluginError `E_PERMISSION` when a required permission is not granted, `E_OPTIONS` when an
 *   option has a value that a manifest could not declare
 */
export function grantsOf(
  manifest: PluginManifest,
  url: string,
  options: Record<string, unknown>,
  allow: Allowed = [],
  writes = false,
): Grants {
  const agreed = { ...agreedOf(allow, url), write: writes ? true as const : undefined };
  const grants: Grants = {};
  for (const kind of pluginPermissions) {
    const needed = valuesOf(kind, manifest.permissions?.[kind], options);
    const optional = valuesOf(kind, manifest.optionalPermissions?.[kind], options);
    checkValues(manifest, url, kind, [...needed, ...optional]);
    const values = agreed[kind];
    if (values !== true) {
      const missing = needed.filter(({ value }) => !isAgreed(kind, values, value));
      if (missing.length > 0) throw refused(manifest.id, url, kind, missing, values);
    }
    if (values === undefined || needed.length + optional.length === 0) continue;
    grants[kind] = { declared: [...needed, ...optional].map(({ value }) => value), agreed: values };
  }
  return grants;
}

/** Whether the user's values of a kind include or cover this one. */
export function isAgreed(
  kind: PluginPermission,
  agreed: readonly string[] | undefined,
  value: string,
): boolean {
  return agreed?.some((one) => one === value || (kind === "net" && coversNet(one, value))) ?? false;
}

/** A value of a permission and why the plugin needs it. */
export interface PermissionValue {
  value: string;
  reason: string;
  /** The option that holds it, if any. */
  option?: string;
}

/** The values of a kind of permission; entries for missing options are left out. */
export function valuesOf(
  kind: PluginPermission,
  entries: readonly PermissionEntry[] = [],
  options: Record<string, unknown>,
): PermissionValue[] {
  return entries.flatMap(({ reason, option, host, path, name, address }) => {
    if (option === undefined) {
      const value = host ?? path ?? name ?? address;
      return value === undefined ? [] : [{ value, reason }];
    }
    const text = options[option];
    if (typeof text !== "string") return [];
    return [{ value: valueOfOption(kind, text), reason, option }];
  });
}

/** @throws PluginError `E_OPTIONS` for values that the manifest itself could not have */
function checkValues(
  { id }: PluginManifest,
  url: string,
  kind: PluginPermission,
  values: readonly PermissionValue[],
): void {
  for (const { value, option } of values) {
    const expected = option === undefined ? undefined : valueProblem(kind, value);
    if (expected === undefined) continue;
    throw new PluginError(
      "E_OPTIONS",
      `Cannot load plugin ${id} with these options: ${option} is a value of permission ${kind}`,
      { url, expected, actual: value },
    );
  }
}

function agreedOf(
  allow: Allowed,
  url: string,
): Partial<Record<PluginPermission, true | readonly string[]>> {
  const agreed: Partial<Record<PluginPermission, true | readonly string[]>> = {};
  const entries = Array.isArray(allow) ? allow.map((kind) => [kind, true]) : Object.entries(allow);
  for (const [kind, values] of entries) {
    if (!pluginPermissions.includes(kind)) {
      throw new RangeError(
        `Cannot allow ${kind} to plugin ${url}: it must be one of ${pluginPermissions.join(", ")}`,
      );
    }
    agreed[kind as PluginPermission] = values;
  }
  return agreed;
}

function refused(
  id: string,
  url: string,
  kind: PluginPermission,
  missing: PermissionValue[],
  agreed: readonly string[] | undefined,
): PluginError {
  return new PluginError("E_PERMISSION", `Cannot load plugin ${id}: it needs permission ${kind}`, {
    url,
    expected: `${kind}: ${agreed?.join(", ") || "nothing"}`,
    actual: `${kind}: ${missing.map(({ value, reason }) => `${value} (${reason})`).join(", ")}`,
    hint: kind === "write"
      ? "name a folder with { outputDir }"
      : `if you agree, pass { allow: { ${kind}: ${
        JSON.stringify([...agreed ?? [], ...missing.map(({ value }) => value)])
      } } }`,
  });
}
