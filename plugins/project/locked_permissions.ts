import { type Allowed, isAgreed, valuesOf } from "./grants.ts";
import {
  type PermissionEntry,
  type PluginManifest,
  type PluginPermission,
  pluginPermissions,
} from "../manifest/format.ts";

/** Values by kind of permission, as a lock file has them. */
export type LockedPermissions = Partial<Record<PluginPermission, string[]>>;

/** What a plugin cannot do without. A value that the user says in an option is `option:name`. */
export function neededPermissions(manifest: PluginManifest): LockedPermissions {
  return byKind((kind) =>
    (manifest.permissions?.[kind] ?? []).map((entry) => lockedValue(kind, entry))
  );
}

/**
 * What of a plugin's permissions the user agrees to, in the form of a lock file.
 *
 * @param options the plugin's options: a permission may name one of them
 * @param writes true where the user said where it may write
 */
export function agreedPermissions(
  manifest: PluginManifest,
  options: Record<string, unknown>,
  allow: Allowed = [],
  writes = false,
): LockedPermissions {
  const agreed: Partial<Record<string, true | readonly string[]>> = Array.isArray(allow)
    ? Object.fromEntries(allow.map((kind) => [kind, true]))
    : { ...allow as Exclude<Allowed, readonly string[]> };
  if (writes) agreed.write = true;
  return byKind((kind) => {
    const given = agreed[kind];
    const entries = [
      ...manifest.permissions?.[kind] ?? [],
      ...manifest.optionalPermissions?.[kind] ?? [],
    ];
    return entries.filter((entry) =>
      given === true ||
      valuesOf(kind, [entry], options).some(({ value }) => isAgreed(kind, given, value))
    ).map((entry) => lockedValue(kind, entry));
  });
}

/** What a lock file's permissions mean with these options of the plugin. */
export function allowedBy(locked: LockedPermissions, options: Record<string, unknown>): Allowed {
  return byKind((kind) =>
    (locked[kind] ?? []).flatMap((value) => {
      if (!value.startsWith(optionMark)) return [value];
      const option = value.slice(optionMark.length);
      return valuesOf(kind, [{ reason: "", option }], options).map((one) => one.value);
    })
  );
}

/** True where every value of `some` is among those of `all`. */
export function isWithin(some: LockedPermissions, all: LockedPermissions): boolean {
  return pluginPermissions.every((kind) =>
    (some[kind] ?? []).every((value) => all[kind]?.includes(value))
  );
}

const optionMark = "option:";

/** How a lock file writes what a permission is for. */
export function lockedValue(kind: PluginPermission, entry: PermissionEntry): string {
  return entry.option === undefined
    ? valuesOf(kind, [entry], {})[0].value
    : `${optionMark}${entry.option}`;
}

/** Only kinds that have a value, each value once, sorted. */
function byKind(valuesOf: (kind: PluginPermission) => string[]): LockedPermissions {
  const all: LockedPermissions = {};
  for (const kind of pluginPermissions) {
    const values = [...new Set(valuesOf(kind))].sort();
    if (values.length > 0) all[kind] = values;
  }
  return all;
}
