import { PluginError } from "../errors.ts";
import {
  type PermissionEntry,
  type PluginManifest,
  type PluginPermission,
  pluginPermissions,
} from "../manifest/format.ts";
import { coversNet } from "./net_pattern.ts";

/**
 * What a user agrees to, but for `write`: kinds of permission, or for each kind all that is declared (`true`) or
 * these values alone, `{ net: ["hooks.example.com"], read: true }`.
 */
export type Allowed =
  | readonly PluginPermission[]
  | Partial<Record<PluginPermission, true | readonly string[]>>;

/** One kind of permission that a plugin has: what it declares and the user agreed to. */
export interface Grant {
  /** Values of the manifest, those that name an option filled in. */
  declared: readonly string[];
  /** Values of the user; true for all that is declared. */
  agreed: true | readonly string[];
}

/** All that a plugin may touch. What is not there it may not. */
export type Grants = Partial<Record<PluginPermission, Grant>>;

/** True when both the manifest and the user say yes to a value. */
export function isGranted(
  grant: Grant | undefined,
  value: string,
  covers: (pattern: string, value: string) => boolean,
): boolean {
  return grant !== undefined && grant.declared.some((pattern) => covers(pattern, value)) &&
    (grant.agreed === true || grant.agreed.some((pattern) => covers(pattern, value)));
}

/**
 * What a plugin is given of what it declares.
 *
 * @param manifest what it declares
 * @param url of the manifest, for messages
 * @param options the plugin's options, checked: a permission may name one of them
 * @param allow what the user agrees to
 * @param writes true where the user said where it may write, which is the consent to `write`
 * @throws PluginError `E_PERMISSION` when the user does not agree to all that it cannot do without
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
    const wished = valuesOf(kind, manifest.optionalPermissions?.[kind], options);
    const given = agreed[kind];
    if (given !== true) {
      const missing = needed.filter(({ value }) => !isAgreed(kind, given, value));
      if (missing.length > 0) throw refused(manifest.id, url, kind, missing, given);
    }
    if (given === undefined || needed.length + wished.length === 0) continue;
    grants[kind] = { declared: [...needed, ...wished].map(({ value }) => value), agreed: given };
  }
  return grants;
}

/** True when a user's values of a kind have this one, or one that it is below. */
export function isAgreed(
  kind: PluginPermission,
  given: readonly string[] | undefined,
  value: string,
): boolean {
  return given?.some((one) => one === value || (kind === "net" && coversNet(one, value))) ?? false;
}

interface Wanted {
  value: string;
  reason: string;
}

/** The values of a kind of permission; one that names an option which is not given is none. */
export function valuesOf(
  kind: PluginPermission,
  entries: readonly PermissionEntry[] = [],
  options: Record<string, unknown>,
): Wanted[] {
  return entries.flatMap(({ reason, option, host, path, name, address }) => {
    const value = option === undefined ? host ?? path ?? name ?? address : options[option];
    if (typeof value !== "string") return [];
    const isPlace = option !== undefined && (kind === "net" || kind === "listen");
    return { value: isPlace && isWebUrl(value) ? placeOf(kind, new URL(value)) : value, reason };
  });
}

/** Plain http reaches another machine only where the user's own URL says so: then that origin. */
function placeOf(kind: PluginPermission, { host, origin, protocol }: URL): string {
  return kind === "net" && protocol === "http:" ? origin : host;
}

function agreedOf(
  allow: Allowed,
  url: string,
): Partial<Record<PluginPermission, true | readonly string[]>> {
  const agreed: Partial<Record<PluginPermission, true | readonly string[]>> = {};
  const given = Array.isArray(allow) ? allow.map((kind) => [kind, true]) : Object.entries(allow);
  for (const [kind, values] of given) {
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
  missing: Wanted[],
  given: readonly string[] | undefined,
): PluginError {
  return new PluginError("E_PERMISSION", `Cannot load plugin ${id}: it wants to ${kind}`, {
    url,
    expected: `${kind}: ${given?.join(", ") || "nothing"}`,
    actual: `${kind}: ${missing.map(({ value, reason }) => `${value} (${reason})`).join(", ")}`,
    hint: kind === "write"
      ? "say where with { outputDir }"
      : `if you agree, pass { allow: { ${kind}: ${
        JSON.stringify([...given ?? [], ...missing.map(({ value }) => value)])
      } } }`,
  });
}

function isWebUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}
