import { computeIntegrity } from "../../plugins/manifest/integrity.ts";
import { manifestName } from "../../plugins/manifest/format.ts";
import {
  entryOf,
  indexOf,
  metaOf,
  recordOf,
  type VersionRecord,
  withYank,
} from "../registry/derive.ts";
import type { RegistryEntry, RegistryIndex } from "../registry/format.ts";
import { queue } from "./queue.ts";
import { type RunLimits, RunTable } from "./run_table.ts";
import type { PluginStore, RunStore, StoredLog } from "./types.ts";

/** A version and its bytes. */
interface KeptVersion {
  record: VersionRecord;
  files: ReadonlyMap<string, Uint8Array>;
}

/** Options of {@linkcode memoryPluginStore}. */
export interface MemoryStoreOptions {
  /** Text of the registry's `advisories.json`. Default: none. */
  advisories?: string;
}

/**
 * Create an empty {@linkcode PluginStore} in memory, for tests and for hubs without storage.
 *
 * @param options advisories of the registry
 * @returns a new store
 * @example
 * ```ts
 * import { createHub, memoryPluginStore } from "keepfit/hub";
 * import assert from "node:assert/strict";
 *
 * const hub = createHub({ plugins: memoryPluginStore() });
 * const index = await (await hub.request("/index.json")).json();
 * assert.deepEqual(index, { schemaVersion: 1, plugins: [] });
 * ```
 */
export function memoryPluginStore({ advisories }: MemoryStoreOptions = {}): PluginStore {
  const encoder = new TextEncoder();
  const plugins = new Map<string, Map<string, KeptVersion>>();
  const entries = new Map<string, RegistryEntry>();
  let index: RegistryIndex = indexOf([]);
  let log: StoredLog = { lines: [], head: undefined };
  const recordsOf = (id: string) => [...plugins.get(id)?.values() ?? []].map((one) => one.record);
  const update = (id: string) => {
    const entry = entryOf(id, recordsOf(id));
    if (entry !== undefined) entries.set(id, entry);
    index = indexOf(entries.values());
  };

  return {
    index: async () => structuredClone(index),
    meta: async (id) => structuredClone(metaOf(id, recordsOf(id))),
    file: async (id, version, path) => plugins.get(id)?.get(version)?.files.get(path)?.slice(),
    advisories: async () => advisories === undefined ? undefined : encoder.encode(advisories),

    async add({ manifest, bytes, files, published }, { replace = false } = {}) {
      const { id, version } = manifest;
      const record = recordOf(manifest, await computeIntegrity(bytes), published);
      const versions = plugins.get(id) ?? new Map<string, KeptVersion>();
      const present = versions.get(version);
      if (present !== undefined && !replace) {
        present.record = { ...present.record, published: present.record.published ?? published };
        return false;
      }
      const { isYanked = false, yankReason } = present?.record ?? {};
      versions.set(version, {
        record: {
          ...record,
          published: published ?? present?.record.published,
          isYanked,
          yankReason,
        },
        files: new Map([...files, [manifestName, bytes]].map(
          ([path, content]) => [path as string, (content as Uint8Array).slice()],
        )),
      });
      plugins.set(id, versions);
      update(id);
      return true;
    },

    async yank(id, version, yank) {
      const present = plugins.get(id)?.get(version);
      if (present === undefined) return undefined;
      present.record = withYank(present.record, yank);
      update(id);
      return structuredClone(metaOf(id, recordsOf(id)));
    },

    log: async () => log,

    async appendToLog(lines, head) {
      log = { lines: [...log.lines, ...lines], head };
    },

    exclusive: queue(),
  };
}

/**
 * Create an empty {@linkcode RunStore} in memory.
 *
 * @param limits numbers of runs and epochs to keep
 * @returns a new store
 */
export function memoryRunStore(limits: RunLimits = {}): RunStore {
  const runs = new RunTable(limits);
  return {
    async add(epoch, name) {
      const assignment = runs.assign(epoch, name);
      runs.add(assignment, { ...epoch }, new Date().toISOString());
      return assignment.id;
    },
    get: async (id) => structuredClone(runs.get(id)),
    list: async () => runs.list(),
  };
}
