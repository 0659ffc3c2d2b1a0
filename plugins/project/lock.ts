import { getRuntime } from "../../runtime/mod.ts";
import type { FileSystem, Path } from "../../runtime/types.ts";
import { PluginError } from "../errors.ts";
import { type LockTimeouts, textOf } from "../../runtime/change_file.ts";
import { changeFile } from "./change_file.ts";
import { urlOfPath } from "../../runtime/find_upward.ts";
import { type LockedPlugin, lockName, lockSchema, type PluginLock } from "./lock_format.ts";
import { isLocal, type PluginReference } from "../sources/reference.ts";
import { hasProblems, parseJson, schemaProblems } from "../manifest/schema_problems.ts";

/** Options for reading and changing a lock file. */
export interface LockOptions {
  /** File system. Default: that of the runtime. */
  fs?: FileSystem;
}

/**
 * Read a lock file.
 *
 * @param path path of the file
 * @returns undefined if there is no file
 * @throws PluginError `E_LOCK` when it cannot be used
 */
export async function readLock(
  path: Path,
  { fs = getRuntime().fs }: LockOptions = {},
): Promise<PluginLock | undefined> {
  const url = urlOfPath(path);
  const text = await textOf(fs, url);
  return text === undefined ? undefined : parseLock(text, url.href);
}

/**
 * Change a lock file, or create it. It is reread while no other process may write it, so that no
 * entries of others are lost, and it is replaced atomically.
 *
 * @param path path of the file
 * @param change returns the new content; it may be called again
 * @throws PluginError `E_LOCK` when it cannot be used, or other processes keep changing it
 * @example
 * ```ts
 * import { readLock, updateLock } from "keepfit/plugins";
 * import { memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * await updateLock("/keepfit.lock.json", (lock) => lock, { fs });
 * assert.deepEqual(await readLock("/keepfit.lock.json", { fs }), { lockVersion: 1, plugins: {} });
 * ```
 */
export async function updateLock(
  path: Path,
  change: (lock: PluginLock) => PluginLock,
  { fs = getRuntime().fs, ...timeouts }: LockOptions & LockTimeouts = {},
): Promise<void> {
  const url = urlOfPath(path);
  await changeFile(fs, url, (text) => {
    const lock = text === undefined ? emptyLock() : parseLock(text, url.href);
    return formatLock(change(lock));
  }, timeouts);
}

/**
 * A lock file with the entry added or replaced. Its date stays the same while its integrity does.
 */
export function addToLock(
  lock: PluginLock,
  reference: PluginReference,
  entry: LockedPlugin,
  url: URL,
): PluginLock {
  const key = lockKey(reference, url);
  const old = Object.hasOwn(lock.plugins, key) ? lock.plugins[key] : undefined;
  const { added } = old?.integrity === entry.integrity ? old : entry;
  return { ...lock, plugins: { ...lock.plugins, [key]: { ...entry, added } } };
}

/** An empty lock file. */
export function emptyLock(): PluginLock {
  return { lockVersion: 1, plugins: {} };
}

/**
 * Parse a lock file.
 *
 * @throws PluginError `E_LOCK` with one line for each problem
 */
export function parseLock(text: string, url: string): PluginLock {
  const title = `lock file ${url}`;
  if (/^(<{7}|={7}|>{7})( |$)/m.test(text)) {
    throw new PluginError("E_LOCK", `Cannot read ${title}: it has merge conflicts`, {
      url,
      expected: "one version",
      actual: "conflict markers: <<<<<<< and >>>>>>>",
      hint: "entries are independent: keep those of both sides, and for one plugin the entry " +
        "with the higher version; then run keepfit verify",
    });
  }
  const data = parseJson(text, "E_LOCK", title, url);
  const lockVersion = (data as { lockVersion?: unknown } | null)?.lockVersion;
  if (typeof lockVersion === "number" && lockVersion > 1) {
    throw new PluginError("E_LOCK", `Cannot read ${title}: it is newer`, {
      url,
      expected: "lockVersion 1",
      actual: `lockVersion ${lockVersion}`,
      hint: "this keepfit is too old: update it",
    });
  }
  const problems = schemaProblems(lockSchema, data, "a lock file");
  if (problems.length > 0) throw hasProblems("E_LOCK", title, url, problems);
  return data as PluginLock;
}

/** The text of a lock file: sorted, one fact per line. */
export function formatLock(lock: PluginLock): string {
  return `${JSON.stringify(sorted(lock), null, 2)}\n`;
}

/** The key of a reference in the lock file at this URL. */
export function lockKey(reference: PluginReference, lock: URL): string {
  return reference.kind === "url" ? toLocked(reference.url, lock) : reference.key;
}

/**
 * A URL as a lock file writes it: a relative path if both share a folder other than the root, so
 * that they can be moved together.
 */
export function toLocked(url: URL, lock: URL): string {
  if (url.protocol !== "file:" || lock.protocol !== "file:" || url.host !== lock.host) {
    return url.href;
  }
  const from = lock.pathname.split("/").slice(1, -1);
  const to = url.pathname.split("/").slice(1);
  let shared = 0;
  while (shared < Math.min(from.length, to.length - 1) && from[shared] === to[shared]) shared++;
  const above = from.length - shared;
  if (above > 0 && !from.slice(0, shared).some((name) => !/^[A-Za-z]:$/.test(name))) {
    return url.href;
  }
  const path = to.slice(shared).join("/");
  return `${above === 0 ? "./" : "../".repeat(above)}${path}${url.search}${url.hash}`;
}

/** Whether {@linkcode toLocked} wrote it as a path. */
export function isRelative(locked: string): boolean {
  return /^\.{1,2}\//.test(locked);
}

/**
 * The URL of a path or URL in the lock file.
 *
 * @throws PluginError `E_LOCK` for a URL from which plugins may not be loaded
 */
export function fromLocked(text: string, lock: URL): URL {
  const url = URL.canParse(text, lock.href) ? new URL(text, lock) : undefined;
  if (url !== undefined && (url.protocol === "https:" || isLocal(url))) return url;
  throw new PluginError("E_LOCK", `Cannot use ${lockName}: it has an invalid URL of a plugin`, {
    url: lock.href,
    expected: "an https: or file: URL, or a path from its folder",
    actual: text,
  });
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => [key, sorted(one)]),
  );
}
