import { PluginError } from "../errors.ts";
import { cacheFolder } from "../load/locate.ts";
import { toLocked } from "../project/lock.ts";
import type { LockedLog, LockedPlugin, PluginLock } from "../project/lock_format.ts";
import { PluginCache } from "../sources/cache.ts";
import { createFetcher } from "../sources/fetcher.ts";
import { type LogStanding, RegistryLog } from "../sources/log.ts";
import type { Project } from "./project.ts";

/** The transparency logs of a project's registries, each read once. */
export class ProjectLogs {
  #project: Project;
  #logs = new Map<string, { registry: URL; log: RegistryLog }>();

  constructor(project: Project) {
    this.#project = project;
  }

  /**
   * Check a version against the log of its registry.
   *
   * @returns undefined if no network is used
   * @throws PluginError if the registry does not respond
   */
  async check(
    registry: URL,
    plugin: Pick<LockedPlugin, "id" | "integrity" | "version">,
  ): Promise<LogStanding & { problems: string[] } | undefined> {
    if (this.#project.open.offline && registry.protocol !== "file:") return undefined;
    return await this.#of(registry).check(plugin);
  }

  /**
   * Check a version that is about to be locked.
   *
   * @throws PluginError `E_REGISTRY` if the log contradicts it, or a registry that had a log does
   *   not respond
   */
  async require(
    registry: URL,
    plugin: Pick<LockedPlugin, "id" | "integrity" | "version">,
  ): Promise<LogStanding | undefined> {
    let standing: Awaited<ReturnType<ProjectLogs["check"]>>;
    try {
      standing = await this.check(registry, plugin);
    } catch (error) {
      // Some hosts respond with 403 for a missing file. A registry that had a log must respond.
      const isKnown = this.#project.lock.logs?.[this.#key(registry)] !== undefined;
      if (isKnown || !(error instanceof PluginError && error.code === "E_HTTP")) throw error;
      return undefined;
    }
    if (standing === undefined || standing.problems.length === 0) return standing;
    const { id, version } = plugin;
    const lines = standing.problems.map((problem) => `\n  ${problem}`).join("");
    throw new PluginError(
      "E_REGISTRY",
      `Cannot trust ${id} ${version}: the log of its registry contradicts it${lines}`,
      {
        url: registry.href,
        hint: "ask the operator of the registry and compare with other users; to trust it again, " +
          "remove its entry below logs in keepfit.lock.json and run keepfit cache clean",
      },
    );
  }

  /** The checked logs in their current state. */
  async seen(): Promise<Record<string, LockedLog>> {
    const all: Record<string, LockedLog> = {};
    for (const { registry, log } of this.#logs.values()) {
      const seen = await log.seen().catch(() => undefined);
      if (seen !== undefined) all[this.#key(registry)] = seen;
    }
    return all;
  }

  #of(registry: URL): RegistryLog {
    const key = this.#key(registry);
    const open = this.#logs.get(key)?.log;
    if (open !== undefined) return open;
    const { fs, lock, open: options } = this.#project;
    const known = lock.logs !== undefined && Object.hasOwn(lock.logs, key)
      ? lock.logs[key]
      : undefined;
    const cache = new PluginCache(fs, cacheFolder(options.cacheDir));
    const log = new RegistryLog(registry, known, createFetcher(fs, options), cache);
    this.#logs.set(key, { registry, log });
    return log;
  }

  #key(registry: URL): string {
    return toLocked(registry, this.#project.lockUrl);
  }
}

/** The lock file with these logs recorded. Another process may have recorded longer ones. */
export function withLogs(lock: PluginLock, seen: Record<string, LockedLog>): PluginLock {
  const logs = { ...lock.logs };
  for (const [key, one] of Object.entries(seen)) {
    if (one.size >= (logs[key]?.size ?? 0)) logs[key] = one;
  }
  return Object.keys(logs).length === 0 ? lock : { ...lock, logs };
}
