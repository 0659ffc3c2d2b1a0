import * as v from "valibot";
import { getRuntime } from "../runtime/mod.ts";
import type { PluginCache } from "./cache.ts";
import { misfitOf } from "./engines.ts";
import { PluginError } from "./errors.ts";
import type { Fetcher } from "./fetcher.ts";
import { urlOfPath } from "./find_file.ts";
import { manifestName, type PluginManifest } from "./manifest_format.ts";
import { integrity, range, version } from "./manifest_schema.ts";
import type { Peers } from "./peers.ts";
import { isLocal, type RegistryReference, showReference } from "./reference.ts";
import { hasProblems, parseJson, schemaProblems } from "./schema_problems.ts";
import { compareVersions, parseVersion, satisfies } from "./semver.ts";

/** What is read of a registry's `meta.json`. A registry may say more. */
interface RegistryMeta {
  versions: Record<
    string,
    { integrity: string; engines: PluginManifest["engines"]; published?: string }
  >;
  yanked: string[];
}

/** A version that a registry has, and where. */
export interface RegistryChoice {
  version: string;
  /** Of its manifest. */
  url: URL;
  /** Of its manifest, as the registry says. */
  integrity: string;
}

/** What has a say in which version is chosen. */
export interface ChoiceRules {
  offline?: boolean;
  peers?: Peers;
  /** Hours since it was published. Default: 0. */
  minimumAge?: number;
}

const maxMetaBytes = 4 * 1024 * 1024;

const metaSchema: v.GenericSchema<unknown, unknown> = v.looseObject({
  schemaVersion: v.literal(1, "1, which this keepfit can read"),
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
    }),
  ),
  yanked: v.array(v.string()),
});

/**
 * The URL of a registry, with a slash at its end.
 *
 * @param given URL or path; undefined for the variable `KEEPFIT_REGISTRY`
 * @throws TypeError for one that is not served
 * @throws PluginError `E_REGISTRY` where none is named
 */
export function registryUrl(given: string | URL | undefined): URL {
  const named = given ?? getRuntime().env("KEEPFIT_REGISTRY");
  if (named === undefined || named === "") {
    throw new PluginError("E_REGISTRY", "Cannot look up a plugin: no registry is named", {
      hint: `say "registry" in keepfit.json, KEEPFIT_REGISTRY, or { registry: "https://..." }`,
    });
  }
  const url = URL.canParse(named) ? new URL(named) : urlOfPath(named);
  const isServed = (url.protocol === "https:" || isLocal(url)) && url.username === "" &&
    url.password === "";
  if (!isServed) {
    throw new TypeError(
      `Cannot use registry ${showReference(named)}: wanted https:, file:, or http: on this ` +
        `machine, with credentials in the option tokens if there are any`,
    );
  }
  url.search = url.hash = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/**
 * Find the version that a reference stands for: the highest in its range that is not withdrawn, is
 * old enough and is made for this keepfit and this runtime. Of a reference with an integrity, the version that has
 * it, withdrawn or not.
 *
 * @throws PluginError `E_REGISTRY` where none fits, with what there is and why it does not
 */
export async function chooseVersion(
  reference: RegistryReference,
  registry: URL,
  fetcher: Fetcher,
  cache: PluginCache,
  { offline = false, peers, minimumAge = 0 }: ChoiceRules = {},
): Promise<RegistryChoice> {
  if (!(minimumAge >= 0)) {
    throw new RangeError(`Cannot use minimumAge ${minimumAge}: it must be hours, 0 or more`);
  }
  const { id } = reference;
  const url = new URL(`${id}/meta.json`, registry);
  const meta = await readMeta(id, url, fetcher, cache, offline);
  const versions = Object.keys(meta.versions)
    .sort((a, b) => compareVersions(parseVersion(b), parseVersion(a)));
  const reasons: string[] = [];
  for (const version of versions) {
    const unfit = reasonAgainst(version, meta, reference, minimumAge, peers);
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
    url: url.href,
    expected: reference.integrity ?? `a version in ${reference.range ?? "any range"}`,
    actual: shown.join(", ") || "no version at all",
  });
}

/** Why a version is not the one; undefined where it may be. */
function reasonAgainst(
  version: string,
  { versions, yanked }: RegistryMeta,
  reference: RegistryReference,
  minimumAge: number,
  peers: Peers | undefined,
): string | undefined {
  const entry = versions[version];
  if (reference.range !== undefined && !satisfies(version, reference.range)) {
    return isPrerelease(version) ? "a prerelease, out of the range" : "out of the range";
  }
  if (reference.integrity !== undefined) {
    return entry.integrity === reference.integrity ? undefined : entry.integrity;
  }
  if (reference.range === undefined && isPrerelease(version)) return "a prerelease";
  if (yanked.includes(version)) return "withdrawn";
  if (minimumAge > 0) {
    if (entry.published === undefined) return "of unknown age";
    const age = (Date.now() - Date.parse(entry.published)) / 3_600_000;
    if (age < minimumAge) {
      return `published ${Math.max(0, Math.floor(age))} hours ago, wanted ${minimumAge}`;
    }
  }
  const misfit = misfitOf(entry.engines, getRuntime(), peers);
  return misfit && `wants ${misfit.name} ${misfit.range}, this is ${misfit.actual}`;
}

function isPrerelease(version: string): boolean {
  return parseVersion(version).prerelease.length > 0;
}

/** What the server says, or the cache where the server says that this has not changed. */
async function readMeta(
  id: string,
  url: URL,
  fetcher: Fetcher,
  cache: PluginCache,
  offline: boolean,
): Promise<RegistryMeta> {
  const isRemote = url.protocol !== "file:";
  const kept = isRemote ? await readKept(id, url, cache) : undefined;
  if (offline && kept !== undefined) return kept.meta;
  try {
    const answer = await fetcher.readChanged(url, maxMetaBytes, kept?.etag);
    if (answer === undefined) return (kept as { meta: RegistryMeta }).meta;
    const text = new TextDecoder().decode(answer.bytes);
    const meta = parseMeta(text, id, url);
    if (isRemote) await cache.writeAnswer(url, { etag: answer.etag, text });
    return meta;
  } catch (error) {
    const isMissing = error instanceof PluginError && error.code === "E_HTTP" &&
      (error.actual === "status 404" || (!isRemote && error.actual === "NotFound"));
    if (!isMissing) throw error;
    throw new PluginError("E_REGISTRY", `Cannot load plugin ${id}: the registry has none`, {
      url: url.href,
      expected: `a plugin at ${url}`,
      hint: "is its name spelled right, and is this its registry?",
      cause: error,
    });
  }
}

/** What the cache has, if it still is what a registry may say. */
async function readKept(
  id: string,
  url: URL,
  cache: PluginCache,
): Promise<{ meta: RegistryMeta; etag: string | undefined } | undefined> {
  const kept = await cache.readAnswer(url);
  try {
    return kept && { meta: parseMeta(kept.text, id, url), etag: kept.etag };
  } catch {
    return undefined;
  }
}

function parseMeta(text: string, id: string, url: URL): RegistryMeta {
  const title = `what the registry says of ${id}`;
  const data = parseJson(text, "E_REGISTRY", title, url.href);
  const problems = schemaProblems(metaSchema, data, "a meta.json");
  if (problems.length > 0) throw hasProblems("E_REGISTRY", title, url.href, problems);
  return data as RegistryMeta;
}

/** Make sure that a manifest is of the plugin and the version that the registry gave it out as. */
export function checkIdentity(
  { id, version }: PluginManifest,
  wanted: { id: string; version: string },
  url: string,
): void {
  if (id === wanted.id && version === wanted.version) return;
  throw new PluginError("E_REGISTRY", `Cannot load plugin ${wanted.id}: the registry has another`, {
    url,
    expected: `${wanted.id} ${wanted.version}`,
    actual: `${id} ${version}`,
  });
}
