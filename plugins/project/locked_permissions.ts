import { type Allowed, isAgreed, valuesOf } from "./grants.ts";
import {
  type PermissionEntry,
  type PluginManifest,
  type PluginPermission,
  pluginPermissions,
} from "../manifest/format.ts";

/**
 * Values by kind of permission, in the form of a lock file. A value that the user passes in an
 * option is `option:name`. The manifest's default of an option is `option:name=value`: the author
 * can change the default, so the lock records it.
 */
export type LockedPermissions = Partial<Record<PluginPermission, string[]>>;

/** Options that the user passed; only their keys matter if the values are unknown. */
type PassedOptions = Record<string, unknown>;

/** The permissions that a plugin requires. */
export function neededPermissions(
  manifest: PluginManifest,
  options: PassedOptions = {},
): LockedPermissions {
  return byKind((kind) =>
    (manifest.permissions?.[kind] ?? []).flatMap((entry) =>
      lockedValues(kind, entry, manifest, options)
    )
  );
}

/**
 * The permissions that the user grants, in the form of a lock file.
 *
 * @param options options that the user passed, which permissions may name
 * @param writes true if the user named an output directory
 */
export function agreedPermissions(
  manifest: PluginManifest,
  options: PassedOptions,
  allow: Allowed = [],
  writes = false,
): LockedPermissions {
  const agreed: Partial<Record<string, true | readonly string[]>> = Array.isArray(allow)
    ? Object.fromEntries(allow.map((kind) => [kind, true]))
    : { ...allow as Exclude<Allowed, readonly string[]> };
  if (writes) agreed.write = true;
  return byKind((kind) => {
    const allowed = agreed[kind];
    const entries = [
      ...manifest.permissions?.[kind] ?? [],
      ...manifest.optionalPermissions?.[kind] ?? [],
    ];
    return entries.flatMap((entry) => lockedValues(kind, entry, manifest, options))
      .filter((locked) =>
        allowed === true ||
        meaningsOf(kind, locked, options).some((value) => isAgreed(kind, allowed, value))
      );
  });
}

/** The permissions of a lock file, with the options that the user passes. */
export function allowedBy(locked: LockedPermissions, options: PassedOptions): Allowed {
  return byKind((kind) => (locked[kind] ?? []).flatMap((one) => meaningsOf(kind, one, options)));
}

/** True if every value of `some` is covered by those of `all`. */
export function isWithin(some: LockedPermissions, all: LockedPermissions): boolean {
  return pluginPermissions.every((kind) =>
    (some[kind] ?? []).every((value) => coversLocked(all[kind], value))
  );
}

/**
 * True if the values of a lock file include this one. A value that the user passes in an option is
 * covered by any consent to that option.
 */
export function coversLocked(all: readonly string[] = [], value: string): boolean {
  if (all.includes(value)) return true;
  const { option, fixed } = parseLocked(value);
  return option !== undefined && fixed === undefined &&
    all.some((one) => parseLocked(one).option === option);
}

/** The values of a permission in a lock file: several if defaults differ. */
export function lockedValues(
  kind: PluginPermission,
  entry: PermissionEntry,
  manifest: PluginManifest,
  options: PassedOptions,
): string[] {
  const { option } = entry;
  if (option === undefined) return valuesOf(kind, [entry], {}).map(({ value }) => value);
  const byUser = `${optionMark}${option}`;
  if (Object.hasOwn(options, option)) return [byUser];
  const byDefault = manifest.callbacks.flatMap(({ defaults = {} }) =>
    valuesOf(kind, [entry], defaults).map(({ value }) => `${byUser}=${value}`)
  );
  return byDefault.length === 0 ? [byUser] : byDefault;
}

/** The options in a lock file's permissions that the user passes. */
export function optionsLeftToUser(locked: LockedPermissions): string[] {
  return pluginPermissions.flatMap((kind) => locked[kind] ?? []).flatMap((value) => {
    const { option, fixed } = parseLocked(value);
    return option === undefined || fixed !== undefined ? [] : [option];
  });
}

const optionMark = "option:";

/** The name of an option has no `=`, which the manifest's schema rejects. */
function parseLocked(locked: string): { option?: string; fixed?: string } {
  if (!locked.startsWith(optionMark)) return {};
  const text = locked.slice(optionMark.length);
  const end = text.indexOf("=");
  return end < 0 ? { option: text } : { option: text.slice(0, end), fixed: text.slice(end + 1) };
}

/** The value of a lock file's permission with the options that the user passes. */
export function meaningsOf(
  kind: PluginPermission,
  locked: string,
  options: PassedOptions,
): string[] {
  const { option, fixed } = parseLocked(locked);
  if (option === undefined) return [locked];
  const byUser = Object.hasOwn(options, option)
    ? valuesOf(kind, [{ reason: "", option }], options).map(({ value }) => value)
    : [];
  return fixed === undefined ? byUser : [fixed, ...byUser];
}

/** Kinds with values only, sorted, without duplicates. */
function byKind(valuesOf: (kind: PluginPermission) => string[]): LockedPermissions {
  const all: LockedPermissions = {};
  for (const kind of pluginPermissions) {
    const values = [...new Set(valuesOf(kind))].sort();
    if (values.length > 0) all[kind] = values;
  }
  return all;
}
