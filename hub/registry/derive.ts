import type { PluginManifest } from "../../plugins/manifest/format.ts";
import { compareVersions, parseVersion } from "../../plugins/manifest/semver.ts";
import type { RegistryEntry, RegistryIndex, RegistryMeta } from "./format.ts";

/** The data of a version in index and meta. */
export interface VersionRecord {
  version: string;
  /** Integrity of the manifest. */
  integrity: string;
  manifest: Pick<
    PluginManifest,
    "title" | "description" | "keywords" | "categories" | "stage" | "engines"
  >;
  published?: string;
  isYanked: boolean;
  /** Undefined for a version that is not yanked. */
  yankReason?: string;
}

/** The record of a version that has not been yanked. */
export function recordOf(
  { version, title, description, keywords, categories, stage, engines }: PluginManifest,
  integrity: string,
  published?: string,
): VersionRecord {
  const manifest = { title, description, keywords, categories, stage, engines };
  return { version, integrity, manifest, published, isYanked: false };
}

/** Yank the version of a record, or restore it. */
export function withYank(record: VersionRecord, yank?: { reason?: string }): VersionRecord {
  if (yank === undefined) return { ...record, isYanked: false, yankReason: undefined };
  return { ...record, isYanked: true, yankReason: yank.reason ?? record.yankReason };
}

/** The `meta.json` of a plugin; undefined when it has no versions. */
export function metaOf(id: string, records: Iterable<VersionRecord>): RegistryMeta | undefined {
  const sorted = newestFirst(records);
  if (sorted.length === 0) return undefined;
  const versions: RegistryMeta["versions"] = {};
  for (const { version, integrity, manifest: { engines }, published, yankReason } of sorted) {
    versions[version] = { integrity, engines, published, yankReason };
  }
  const yanked = sorted.filter(({ isYanked }) => isYanked).map(({ version }) => version).reverse();
  return { schemaVersion: 1, id, latest: latestOf(sorted)?.version, versions, yanked };
}

/** The line of a plugin in `index.json`; undefined when it has no versions. */
export function entryOf(
  id: string,
  records: Iterable<VersionRecord>,
): RegistryEntry | undefined {
  const sorted = newestFirst(records);
  if (sorted.length === 0) return undefined;
  const latest = latestOf(sorted);
  const { title, description, keywords, categories, stage } = (latest ?? sorted[0]).manifest;
  const standing = latest === undefined ? { yanked: true } as const : { latest: latest.version };
  return { id, ...standing, title, description, keywords, categories, stage };
}

/** The `index.json` of these entries. */
export function indexOf(entries: Iterable<RegistryEntry>): RegistryIndex {
  return { schemaVersion: 1, plugins: [...entries].sort((a, b) => a.id < b.id ? -1 : 1) };
}

function newestFirst(records: Iterable<VersionRecord>): VersionRecord[] {
  return [...records].sort((a, b) =>
    compareVersions(parseVersion(b.version), parseVersion(a.version))
  );
}

/** The newest usable release; if there is none, the newest usable prerelease. */
function latestOf(sorted: readonly VersionRecord[]): VersionRecord | undefined {
  const usable = sorted.filter(({ isYanked }) => !isYanked);
  return usable.find(({ version }) => !version.includes("-")) ?? usable[0];
}
