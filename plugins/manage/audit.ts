import { messageOf } from "../../core/errors.ts";
import { PluginError } from "../errors.ts";
import { cacheFolder } from "../load/locate.ts";
import { yankText } from "../load/yanks.ts";
import { manifestName, type PluginManifest } from "../manifest/format.ts";
import { verifyIntegrity } from "../manifest/integrity.ts";
import { parseManifest } from "../manifest/parse.ts";
import { isNewer } from "../manifest/semver.ts";
import { verifySignatures } from "../manifest/signature.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import { advisoriesFor, type Advisory, readAdvisories } from "../sources/advisories.ts";
import { PluginCache } from "../sources/cache.ts";
import { createFetcher, type Fetcher } from "../sources/fetcher.ts";
import { parseReference, type RegistryReference } from "../sources/reference.ts";
import {
  bestVersion,
  checkIdentity,
  newestVersion,
  readMeta,
  type RegistryMeta,
  registryUrl,
  yankOf,
} from "../sources/registry.ts";
import {
  lockedReference,
  openProject,
  type Project,
  type ProjectOptions,
  registryOf,
} from "./project.ts";
import { maxManifestBytes } from "../load/fetch_manifest.ts";
import { ProjectLogs } from "./logs.ts";
import type { LogStanding } from "../sources/log.ts";
import { logStanding, otherInRegistry } from "./verify.ts";

/** A finding of {@linkcode auditPlugins} about a locked plugin. */
export interface AuditFinding {
  /**
   * `"changed"`: the registry has different content for the version, or no longer has it; `"log"`:
   * its transparency log contradicts the version, or itself; `"deprecated"` and `"old"`: it is no
   * longer maintained; `"signers"`: newer versions are signed by other keys or not at all;
   * `"vulnerable"`: an advisory of the registry covers the version; `"yanked"`: its author yanked
   * the version.
   */
  kind: "changed" | "deprecated" | "log" | "old" | "signers" | "vulnerable" | "yanked";
  /** The finding and its remedy, in one line. */
  message: string;
  /** Whether it requires action; false for information. */
  needsAction: boolean;
  /** The advisory of `"vulnerable"`. */
  advisory?: Advisory;
}

/** A locked plugin of a registry, with its findings. */
export interface AuditedPlugin {
  /** Key in the lock file. */
  reference: string;
  /** `owner/name`. */
  id: string;
  /** Locked version. */
  version: string;
  /** Findings; empty if there are none. */
  findings: AuditFinding[];
  /** Its position in the transparency log of its registry; undefined if the log was not queried. */
  log: LogStanding | undefined;
  /** Checks that failed, with the reason; empty if all succeeded. */
  unknown: string[];
}

/** The result of {@linkcode auditPlugins}. */
export interface PluginAudit {
  /** The locked plugins of registries, in the order of the lock file. */
  plugins: AuditedPlugin[];
  /** References of the other locked plugins, which no registry covers. */
  others: string[];
  /** Ids of advisories that were ignored. */
  ignored: string[];
}

/** Options of {@linkcode auditPlugins}. */
export interface AuditPluginsOptions extends Omit<ProjectOptions, "frozen" | "trustFirstUse"> {
  /** Ids of advisories to ignore in this project. Default: none. */
  ignore?: readonly string[];
}

/**
 * Check the locked plugins against their registries: versions that are yanked, covered by an
 * advisory, or have changed content; newer versions with other signers or none; plugins that are
 * deprecated, or had no release for two years. Nothing is changed and no plugin runs. With
 * `offline`, the registries' last responses in the cache are used.
 *
 * @throws PluginError `E_CONFIG`, `E_LOCK` if the project's files are unusable
 * @example
 * ```ts
 * import { auditPlugins } from "keepfit/plugins";
 * import { memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * const { plugins } = await auditPlugins({ config: "/keepfit.json", fs });
 * assert.deepEqual(plugins, []); // nothing is locked
 * ```
 */
export async function auditPlugins(options: AuditPluginsOptions = {}): Promise<PluginAudit> {
  const { ignore = [], ...projectOptions } = options;
  const project = await openProject(projectOptions);
  const asking = new Asking(project);
  const others: string[] = [];
  const ignored = new Set<string>();
  const auditing = Object.entries(project.lock.plugins).flatMap(([key, locked]) => {
    const reference = parseReference(lockedReference(key, project.lockUrl));
    if (reference.kind === "registry") return [auditOf(reference, locked, asking)];
    others.push(key);
    return [];
  });
  const plugins = (await Promise.all(auditing)).map((plugin): AuditedPlugin => {
    const findings = plugin.findings.filter(({ advisory }) => {
      if (advisory === undefined || !ignore.includes(advisory.id)) return true;
      ignored.add(advisory.id);
      return false;
    });
    return { ...plugin, findings };
  });
  return { plugins, others, ignored: [...ignored].sort() };
}

/** Queries registries, without repeating a query. */
class Asking {
  readonly project: Project;
  readonly fetcher: Fetcher;
  readonly cache: PluginCache;
  readonly logs: ProjectLogs;
  #advisories = new Map<string, Promise<Advisory[]>>();

  constructor(project: Project) {
    this.project = project;
    this.logs = new ProjectLogs(project);
    this.fetcher = createFetcher(project.fs, project.open);
    this.cache = new PluginCache(project.fs, cacheFolder(project.open.cacheDir));
  }

  advisories(registry: URL): Promise<Advisory[]> {
    const known = this.#advisories.get(registry.href) ??
      readAdvisories(registry, this.fetcher, this.cache);
    this.#advisories.set(registry.href, known);
    return known;
  }

  /** The manifest of a version, as the registry lists it. */
  async manifest(
    id: string,
    version: string,
    registry: URL,
    { versions }: RegistryMeta,
  ): Promise<PluginManifest> {
    const { integrity } = versions[version];
    const url = new URL(`${id}/${encodeURIComponent(version)}/${manifestName}`, registry);
    const kept = await this.cache.read(integrity);
    const bytes = kept ?? await this.fetcher.read(url, maxManifestBytes);
    if (kept === undefined) {
      await verifyIntegrity(bytes, integrity, url.href);
      if (url.protocol !== "file:") await this.cache.write(integrity, bytes);
    }
    const manifest = parseManifest(new TextDecoder().decode(bytes), url.href);
    checkIdentity(manifest, { id, version }, url.href);
    return manifest;
  }
}

async function auditOf(
  reference: RegistryReference,
  locked: LockedPlugin,
  asking: Asking,
): Promise<AuditedPlugin> {
  const { id, version } = locked;
  const findings: AuditFinding[] = [];
  const unknown: string[] = [];
  const audited: AuditedPlugin = {
    reference: reference.key,
    id,
    version,
    findings,
    log: undefined,
    unknown,
  };
  let registry: URL;
  let meta: RegistryMeta;
  try {
    registry = registryUrl(registryOf(reference, locked, asking.project));
    meta = await readMeta(id, registry, asking.fetcher, asking.cache);
  } catch (error) {
    unknown.push(messageOf(error));
    return audited;
  }
  const { open } = asking.project;
  const inRange = bestVersion(meta, reference, open);
  const advisories = await asking.advisories(registry).catch((error) => {
    unknown.push(messageOf(error));
    return [];
  });
  const isSound = (one: string) => advisoriesFor(advisories, { id, version: one }).length === 0;
  const remedy = remedyOf(reference, version, inRange, meta, isSound, open);

  for (const problem of otherInRegistry(locked, meta)) {
    const message = `${problem}: ask its author for the reason before you update`;
    findings.push({ kind: "changed", message, needsAction: true });
  }
  try {
    const { log, problems } = await logStanding(asking.logs, registry, locked);
    audited.log = log;
    for (const problem of problems) {
      const message = `${problem}: ask the operator of the registry, and compare with other users`;
      findings.push({ kind: "log", message, needsAction: true });
    }
  } catch (error) {
    unknown.push(messageOf(error));
  }
  const yank = yankOf(version, meta);
  if (yank !== undefined) {
    findings.push({ kind: "yanked", message: `${yankText(yank)}: ${remedy}`, needsAction: true });
  }
  for (const advisory of advisoriesFor(advisories, locked)) {
    const { severity, summary, fixed, url } = advisory;
    const notes = [advisory.id, fixed && `fixed in ${fixed}`, url].filter((one) => one);
    const message = `vulnerable, ${severity}: ${summary} (${notes.join(", ")}): ${remedy}`;
    findings.push({ kind: "vulnerable", message, needsAction: true, advisory });
  }
  const newest = newestVersion(meta);
  const deprecations = new Map<string, AuditFinding>();
  for (const one of new Set([inRange, newest])) {
    if (one === undefined) continue;
    try {
      const manifest = await asking.manifest(id, one, registry, meta);
      if (isNewer(one, version)) findings.push(...await signerFindings(locked, manifest));
      const deprecation = deprecationOf(manifest);
      if (deprecation !== undefined) deprecations.set(deprecation.message, deprecation);
    } catch (error) {
      const isWrong = error instanceof PluginError &&
        (error.code === "E_INTEGRITY" || error.code === "E_SIGNATURE");
      if (!isWrong) unknown.push(messageOf(error));
      else {
        const kind = error.code === "E_INTEGRITY" ? "changed" : "signers";
        findings.push({ kind, message: messageOf(error), needsAction: true });
      }
    }
  }
  findings.push(...deprecations.values());
  if (deprecations.size === 0) findings.push(...ageFindings(meta));
  return audited;
}

/** The remedy for a version that should not be used. */
function remedyOf(
  reference: RegistryReference,
  version: string,
  inRange: string | undefined,
  meta: RegistryMeta,
  isSound: (version: string) => boolean,
  rules: Project["open"],
): string {
  if (inRange !== undefined && inRange !== version && isSound(inRange)) {
    return `keepfit update installs ${inRange}`;
  }
  const versions = Object.fromEntries(
    Object.entries(meta.versions).filter(([one]) => one !== version && isSound(one)),
  );
  const sound = bestVersion({ ...meta, versions }, {}, rules);
  return sound === undefined
    ? "no other version is unaffected: keepfit remove removes the plugin"
    : `${sound} is unaffected: run keepfit remove ${reference.id}, then keepfit add ` +
      `registry:${reference.id}@${sound}`;
}

/** Findings about newer versions without a key that signed the locked one. */
async function signerFindings(
  { signers, version }: LockedPlugin,
  manifest: PluginManifest,
): Promise<AuditFinding[]> {
  if (signers.length === 0) return [];
  const now = await verifySignatures(manifest, `${manifest.id} ${manifest.version}`);
  if (now.some((key) => signers.includes(key))) return [];
  const by = now.length === 0 ? "is not signed" : `is signed by ${now.join(", ")}`;
  const message =
    `${manifest.version} ${by}, ${version} by ${signers.join(", ")}: ask its author, ` +
    "through another channel, before you update";
  return [{ kind: "signers", message, needsAction: true }];
}

function deprecationOf({ stage }: PluginManifest): AuditFinding | undefined {
  if (stage?.name !== "deprecated") return undefined;
  const { message, successor } = stage;
  const by = successor === undefined ? "" : `, succeeded by ${successor}`;
  return { kind: "deprecated", message: `deprecated${by}: ${message}`, needsAction: true };
}

const yearsToOld = 2;

/** Findings about old plugins. A plugin may be complete, so age itself requires no action. */
function ageFindings({ versions }: RegistryMeta): AuditFinding[] {
  const times = Object.values(versions).map(({ published }) => published && Date.parse(published));
  // Versions without a date may be newer.
  if (times.length === 0 || times.some((time) => typeof time !== "number")) return [];
  const last = Math.max(...times as number[]);
  const limit = new Date();
  limit.setUTCFullYear(limit.getUTCFullYear() - yearsToOld);
  if (last >= limit.getTime()) return [];
  const day = new Date(last).toISOString().slice(0, 10);
  const message = `no release for ${yearsToOld} years: the last one was on ${day}`;
  return [{ kind: "old", message, needsAction: false }];
}
