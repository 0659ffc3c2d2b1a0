import type { PluginManifest } from "../../plugins/manifest/format.ts";
import type { RegistryIndex, RegistryMeta } from "../registry/format.ts";
import type { Run, RunEpoch, RunSummary } from "../runs/protocol.ts";

/** A verified version in a {@linkcode PluginStore}. */
export interface StoredVersion {
  /** The parsed manifest. */
  manifest: PluginManifest;
  /** Bytes of the manifest, kept as they are. */
  bytes: Uint8Array;
  /** Bytes of the other files, by their path in the manifest. */
  files: ReadonlyMap<string, Uint8Array>;
  /** Time of publishing, as an ISO timestamp. Default: unknown. */
  published?: string;
}

/** A transparency log in a {@linkcode PluginStore}. */
export interface StoredLog {
  /** Entries, the oldest first, each a line of text. */
  lines: readonly string[];
  /** Text of the signed head; undefined if there is none. It may cover only some of the entries. */
  head: string | undefined;
}

/** A yank of a version. */
export interface VersionYank {
  /**
   * Reason, one line of text. Default: the reason of an earlier yank of this version, if there is
   * one.
   */
  reason?: string;
}

/**
 * Storage of published plugins. A store checks nothing: {@linkcode publishVersion} and
 * {@linkcode yankVersion} do. One conformance suite (`tests/conformance/plugin_store_test.ts`)
 * covers every store.
 */
export interface PluginStore {
  /**
   * Every plugin, sorted by id. The index is kept in memory, so that a read does not compute it.
   */
  index(): Promise<RegistryIndex>;
  /** Every version of a plugin; undefined for an unknown plugin. */
  meta(id: string): Promise<RegistryMeta | undefined>;
  /**
   * Bytes of a file of a version: `callback.plugin.json`, or a path that the manifest lists.
   * Undefined for anything else.
   */
  file(id: string, version: string, path: string): Promise<Uint8Array | undefined>;
  /**
   * Bytes of the registry's `advisories.json`, which its operator writes; undefined if there is
   * none.
   */
  advisories(): Promise<Uint8Array | undefined>;
  /**
   * Add a version as a whole, and update index and meta.
   *
   * @param options `replace`: overwrite an existing version. Default: false
   * @returns false for an existing version, which then stays as it is
   */
  add(version: StoredVersion, options?: { replace?: boolean }): Promise<boolean>;
  /**
   * Yank a version, or restore it, and update index and meta.
   *
   * @param yank undefined restores the version
   * @returns the plugin's meta; undefined for an unknown version
   */
  yank(
    id: string,
    version: string,
    yank: VersionYank | undefined,
  ): Promise<RegistryMeta | undefined>;
  /** The log. It is the same object until it changes. */
  log(): Promise<StoredLog>;
  /**
   * Append entries to the log, then replace its head. After a failure, the log has either all the
   * entries without the head, or none of them, never a part of one.
   */
  appendToLog(lines: readonly string[], head: string): Promise<void>;
  /**
   * Run `change` while no other change of this store runs, in a database as one transaction.
   * `add`, `yank` and `appendToLog` are called inside it.
   *
   * @returns the result of `change`
   */
  exclusive<Result>(change: () => Promise<Result>): Promise<Result>;
}

/**
 * Storage of the epochs that trainings report. One conformance suite
 * (`tests/conformance/run_store_test.ts`) covers every store.
 *
 * Reports without a name belong to the newest unnamed run. An epoch that is not greater than the
 * previous one restarts the run: a named run is replaced, an unnamed one is followed by `run-2`,
 * `run-3` and so on.
 */
export interface RunStore {
  /**
   * Add an epoch.
   *
   * @param name name of the run. Default: the newest unnamed run
   * @returns the id of the run
   */
  add(epoch: RunEpoch, name?: string): Promise<string>;
  /** A run with all its epochs; undefined for an unknown run. */
  get(id: string): Promise<Run | undefined>;
  /** All runs, the most recently updated first. */
  list(): Promise<RunSummary[]>;
}
