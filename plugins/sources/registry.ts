import * as v from "valibot";
import { printable } from "../../core/printable.ts";
import { getRuntime } from "../../runtime/mod.ts";
import { type Answer, isMissing, readAnswer, readKept } from "./answers.ts";
import type { PluginCache } from "./cache.ts";
import { misfitOf } from "../modules/engines.ts";
import { PluginError } from "../errors.ts";
import type { ChangeQuery, Fetcher } from "./fetcher.ts";
import { urlOfPath } from "../../runtime/find_upward.ts";
import { manifestName, type PluginManifest } from "../manifest/format.ts";
import { integrity, range, version } from "../manifest/schema.ts";
import type { Peers } from "../modules/peers.ts";
import { isLocal, type RegistryReference, showReference } from "./reference.ts";
import { hasProblems, parseJson, schemaProblems } from "../manifest/schema_problems.ts";
import {
  compareVersions,
  isSameVersion,
  isVersion,
  parseVersion,
  satisfies,
} from "../manifest/semver.ts";

/** The part of a registry's `meta.json` that is read. */
export interface RegistryMeta {
  versions: Record<string, RegistryVersion>;
  yanked: string[];
}

interface RegistryVersion {
  integrity: string;
  engines: PluginManifest["engines"];
  published?: string;
  yankReason?: string;
}

/** A version that is no longer selected. */
export interface Yank {
  /** Its author's reason, one printable line; undefined if none was given. */
  reason: string | undefined;
}

/** A version in a registry. */
export interface RegistryChoice {
  version: string;
  /** Of its manifest. */
  url: URL;
  /** Of its manifest, according to the registry. */
  integrity: string;
}

/** Rules for selecting a version. */
export interface ChoiceRules {
  peers?: Peers;
  /** Minimum hours since its publication. Default: 0. */
  minimumAge?: number;
}

const maxMetaBytes = 4 * 1024 * 1024;

const metaSchema: v.GenericSchema<unknown, unknown> = v.looseObject({
  schemaVersion: v.literal(1, "1, the format that this keepfit can read"),
  versions: v.record(
    version,
    v.looseObject({
      integrity,
      engines: v.looseObject({
        core: range,
        tfjs: v.optional(range),
        deno: v.optional(range),
        bun: v.optional(range),
        node: v.optional(range),
      }),
      published: v.optional(v.pipe(v.string(), v.isoTimestamp("a time such as 2026-01-31T12:00Z"))),
      yankReason: v.optional(v.string()),
    }),
  ),
  yanked: v.array(v.string()),
});

/**
 * The URL of a registry, with a trailing slash.
 *
 * @param registry URL or path. Default: the variable `KEEPFIT_REGISTRY`, unless it is empty
 * @throws TypeError for a scheme that is not supported
 * @throws PluginError `E_REGISTRY` if no registry is named
 */
export function registryUrl(registry: string | URL | undefined): URL {
  const named = registry ?? registryFromEnvironment();
  if (named === undefined || named === "") {
    throw new PluginError("E_REGISTRY", "Cannot look up a plugin: no registry is named", {
      expected: "the URL or the folder of a registry",
      hint:
        "name it in a shell with --registry URL or KEEPFIT_REGISTRY, in code with { registry: " +
        '"URL" ' +
        '}, for a project with "registry" in keepfit.json',
    });
  }
  const url = URL.canParse(named) ? new URL(named) : urlOfPath(named);
  const isServed = (url.protocol === "https:" || isLocal(url)) && url.username === "" &&
    url.password === "";
  if (!isServed) {
    throw new TypeError(
      `Cannot use registry ${showReference(named)}: expected https:, file:, or http: on this ` +
        `machine, with credentials in the option tokens if there are any`,
    );
  }
  url.search = url.hash = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/** The value of `KEEPFIT_REGISTRY`; undefined if it is unset or empty. */
export function registryFromEnvironment(): string | undefined {
  return getRuntime().env("KEEPFIT_REGISTRY") || undefined;
}

/** URL of a registry's list of versions of a plugin. */
export function metaUrl(id: string, registry: URL): URL {
  return new URL(`${id}/meta.json`, registry);
}

/**
 * Select the version for a reference: the highest in its range that is not yanked, is old enough
 * and supports this keepfit and this runtime. For a reference with an integrity, the version that
 * has it, yanked or not.
 *
 * @param meta the registry's versions of the plugin
 * @throws PluginError `E_REGISTRY` if none fits, with the reason for each version
 */
export function chooseVersion(
  reference: RegistryReference,
  registry: URL,
  meta: RegistryMeta,
  rules: ChoiceRules = {},
): RegistryChoice {
  const { id } = reference;
  const reasons: string[] = [];
  for (const version of newestFirst(meta)) {
    const unfit = reasonAgainst(version, meta, reference, rules);
    if (unfit === undefined) {
      return {
        version,
        url: new URL(`${id}/${encodeURIComponent(version)}/${manifestName}`, registry),
        integrity: meta.versions[version].integrity,
      };
    }
    reasons.push(`${version} (${unfit})`);
  }
  const shown = reasons.slice(0, 5);
  if (reasons.length > shown.length) shown.push(`and ${reasons.length - shown.length} older ones`);
  throw new PluginError("E_REGISTRY", `Cannot load plugin ${reference.key}: no version fits`, {
    url: metaUrl(id, registry).href,
    expected: reference.integrity ?? `a version in ${reference.range ?? "any range"}`,
    actual: shown.join(", ") || "no versions",
  });
}

/** The version that would be selected for a range; undefined if none fits. */
export function bestVersion(
  meta: RegistryMeta,
  { range }: { range?: string },
  rules: ChoiceRules = {},
): string | undefined {
  return newestFirst(meta).find((version) =>
    reasonAgainst(version, meta, { range, integrity: undefined }, rules) === undefined
  );
}

/**
 * The newest release that is not yanked, else the newest such prerelease, even if it does not
 * support this keepfit or runtime; undefined if all are yanked.
 */
export function newestVersion(meta: RegistryMeta): string | undefined {
  const usable = newestFirst(meta).filter((one) => yankOf(one, meta) === undefined);
  return usable.find((one) => !isPrerelease(one)) ?? usable[0];
}

/** The yank of a version; undefined if it is not yanked. */
export function yankOf(version: string, { versions, yanked }: RegistryMeta): Yank | undefined {
  // A yank covers the version with any build metadata.
  if (!yanked.some((one) => isVersion(one) && isSameVersion(one, version))) return undefined;
  const reason = Object.hasOwn(versions, version) ? versions[version].yankReason : undefined;
  return { reason: reason && printable(reason.replace(/\s+/g, " ").slice(0, 500)) };
}

/**
 * Versions that differ only in build metadata are one version: the one without metadata counts,
 * else the first in text order.
 */
function newestFirst({ versions }: RegistryMeta): string[] {
  const sorted = Object.keys(versions).sort((a, b) =>
    compareVersions(parseVersion(b), parseVersion(a)) || (a < b ? -1 : 1)
  );
  return sorted.filter((version, i) => i === 0 || !isSameVersion(version, sorted[i - 1]));
}

/** Why a version is not selected; undefined if it fits. */
function reasonAgainst(
  version: string,
  meta: RegistryMeta,
  reference: Pick<RegistryReference, "integrity" | "range">,
  { minimumAge = 0, peers }: ChoiceRules,
): string | undefined {
  if (!(minimumAge >= 0)) {
    throw new RangeError(`Cannot use minimumAge ${minimumAge}: expected a number of hours >= 0`);
  }
  const entry = meta.versions[version];
  if (reference.range !== undefined && !satisfies(version, reference.range)) {
    return isPrerelease(version) ? "a prerelease outside the range" : "outside the range";
  }
  if (reference.integrity !== undefined) {
    return entry.integrity === reference.integrity ? undefined : entry.integrity;
  }
  if (reference.range === undefined && isPrerelease(version)) return "a prerelease";
  const yank = yankOf(version, meta);
  if (yank !== undefined) return yank.reason === undefined ? "yanked" : `yanked: ${yank.reason}`;
  if (minimumAge > 0) {
    if (entry.published === undefined) return "of unknown age";
    const age = (Date.now() - Date.parse(entry.published)) / 3_600_000;
    if (age < minimumAge) {
      return `published ${Math.max(0, Math.floor(age))} hours ago, expected ${minimumAge}`;
    }
  }
  const misfit = misfitOf(entry.engines, getRuntime(), peers);
  return misfit && `needs ${misfit.name} ${misfit.range}, this is ${misfit.actual}`;
}

function isPrerelease(version: string): boolean {
  return parseVersion(version).prerelease.length > 0;
}

/**
 * Read a registry's versions of a plugin: from the server, or from the cache if they have not
 * changed or no network is used.
 *
 * @param query limits of time and retries
 * @throws PluginError `E_REGISTRY` if it has no such plugin, `E_HTTP`, `E_OFFLINE`
 */
export async function readMeta(
  id: string,
  registry: URL,
  fetcher: Fetcher,
  cache: PluginCache,
  query: Omit<ChangeQuery, "etag"> = {},
): Promise<RegistryMeta> {
  const answer = metaAnswer(id, registry);
  try {
    return await readAnswer(answer, fetcher, cache, query);
  } catch (error) {
    const { url } = answer;
    if (!isMissing(error, url)) throw error;
    throw new PluginError("E_REGISTRY", `Cannot load plugin ${id}: the registry does not have it`, {
      url: url.href,
      expected: `a plugin at ${url}`,
      hint: "check the spelling of its name, and its registry",
      cause: error,
    });
  }
}

/** A registry's last answer about a plugin, from the cache; undefined if there is none. */
export async function readKeptMeta(
  id: string,
  registry: URL,
  cache: PluginCache,
): Promise<RegistryMeta | undefined> {
  return (await readKept(metaAnswer(id, registry), cache))?.data;
}

function metaAnswer(id: string, registry: URL): Answer<RegistryMeta> {
  const url = metaUrl(id, registry);
  return { url, maxBytes: maxMetaBytes, parse: (text) => parseMeta(text, id, url) };
}

function parseMeta(text: string, id: string, url: URL): RegistryMeta {
  const title = `the registry's meta.json of ${id}`;
  const data = parseJson(text, "E_REGISTRY", title, url.href);
  const problems = schemaProblems(metaSchema, data, "a meta.json");
  if (problems.length > 0) throw hasProblems("E_REGISTRY", title, url.href, problems);
  return data as RegistryMeta;
}

/** Check that a manifest has the id and version that the registry or the lock file names. */
export function checkIdentity(
  { id, version }: PluginManifest,
  expected: { id: string; version: string },
  url: string,
): void {
  if (id === expected.id && version === expected.version) return;
  throw new PluginError(
    "E_REGISTRY",
    `Cannot load plugin ${expected.id}: its manifest belongs to another plugin`,
    {
      url,
      expected: `${expected.id} ${expected.version}`,
      actual: `${id} ${version}`,
    },
  );
}
