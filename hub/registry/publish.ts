import { HTTPException } from "hono/http-exception";
import { computeIntegrity } from "../../plugins/manifest/integrity.ts";
import { parseManifest } from "../../plugins/manifest/parse.ts";
import { manifestName } from "../../plugins/manifest/format.ts";
import { compareVersions, parseVersion } from "../../plugins/manifest/semver.ts";
import { verifySignatures } from "../../plugins/manifest/signature.ts";
import type { PluginStore } from "../stores/types.ts";
import type { PluginLog } from "../log/log.ts";
import type { RegistryMeta } from "./format.ts";
import { reservedOwners } from "./owners.ts";
import { type NewVersion, type VerifiedVersion, verifyVersion } from "./verify.ts";

/** Options of {@linkcode publishVersion}. */
export interface PublishVersionOptions {
  /** Id that the manifest must have. Default: any. */
  id?: string;
  /** Version that the manifest must have. Default: any. */
  version?: string;
  /**
   * Overwrite an existing version, as long as it has no users. Signatures of earlier versions are
   * then not compared. Default: false.
   */
  replace?: boolean;
  /** Time of publishing. Default: unknown. */
  published?: Date;
  /** Log that records the publication. Default: none. */
  log?: PluginLog;
}

/** The result of {@linkcode publishVersion}. */
export interface PublishedVersion {
  /** Id of the plugin, `owner/name`. */
  id: string;
  /** Version of the plugin. */
  version: string;
  /** Integrity of the manifest. */
  integrity: string;
  /** Whether the version is new; false if it was published before with the same bytes. */
  isNew: boolean;
}

/**
 * Verify a version and add it to a store, as a whole or not at all. A published version never
 * changes. Once a version is signed, each later one must be signed by at least one of the same keys.
 *
 * @param store store to which the version is added
 * @param submitted manifest and files
 * @param options expected id and version, and whether to overwrite
 * @throws PluginError if the version could not be loaded
 * @throws HTTPException 400 for another id or version or a reserved owner, 403 for other signers, 409
 *   for an existing version with other bytes
 * @throws FileSystemError if the folder of the store cannot be written
 */
export async function publishVersion(
  store: PluginStore,
  submitted: NewVersion,
  options: PublishVersionOptions = {},
): Promise<PublishedVersion> {
  const verified = await verifyVersion(submitted);
  const { id, version } = verified.manifest;
  const { id: expectedId = id, version: expectedVersion = version, replace = false } = options;
  if (id !== expectedId || version !== expectedVersion) {
    throw new HTTPException(400, {
      message:
        `Cannot publish ${expectedId} ${expectedVersion}: its manifest says ${id} ${version}`,
    });
  }
  const [owner] = id.split("/");
  if (reservedOwners.has(owner)) {
    throw new HTTPException(400, {
      message:
        `Cannot publish ${id}: ${owner} is reserved for the hub's own URLs; choose another ` +
        `owner`,
    });
  }
  const integrity = await computeIntegrity(submitted.manifest);
  await options.log?.start();
  return await store.exclusive(async () => {
    const stored = await store.file(id, version, manifestName);
    const isSame = stored !== undefined && await computeIntegrity(stored) === integrity;
    if (!isSame && !replace) {
      if (stored !== undefined) throw changed(id, version);
      await checkTwins(store, id, version);
      await checkSigners(store, verified);
    }
    const isAdded = await store.add({
      manifest: verified.manifest,
      bytes: submitted.manifest,
      files: submitted.files,
      published: options.published?.toISOString(),
    }, { replace: replace && !isSame });
    // Another process was faster.
    if (!isAdded && !isSame) throw changed(id, version);
    // Logged for an existing version too: its publication may have been interrupted.
    await options.log?.record({ type: "publish", id, version, integrity });
    return { id, version, integrity, isNew: !isSame };
  });
}

/** Options of {@linkcode yankVersion}. */
export interface YankVersionOptions {
  /** Restore the version instead. Default: false. */
  undo?: boolean;
  /** Reason, one line of at most 500 characters. Default: the reason of an earlier yank. */
  reason?: string;
  /** Log that records the yank. Default: none. */
  log?: PluginLog;
}

/**
 * Yank a version, or restore it. Ranges skip a yanked version; its files stay for projects that
 * have locked it.
 *
 * @param store store of the version
 * @param id `owner/name`
 * @param version the version
 * @param options reason, or whether to restore
 * @returns the plugin's meta
 * @throws HTTPException 400 for an invalid reason, 404 for an unknown version
 * @throws FileSystemError if the folder of the store cannot be written
 */
export async function yankVersion(
  store: PluginStore,
  id: string,
  version: string,
  { undo = false, reason, log }: YankVersionOptions = {},
): Promise<RegistryMeta> {
  if (reason !== undefined && !/^\S(?:\P{Cc}{0,498}\S)?$/u.test(reason)) {
    throw new HTTPException(400, {
      message: `Cannot yank ${id} ${version}: the reason must be one line of 1 to 500 characters`,
    });
  }
  const yank = undo ? undefined : { reason };
  await log?.start();
  const meta = await store.exclusive(async () => {
    const meta = await store.yank(id, version, yank);
    if (meta === undefined) return undefined;
    const { integrity, yankReason } = meta.versions[version];
    const type = undo ? "unyank" : "yank";
    const logged = undo || yankReason === undefined ? {} : { reason: yankReason };
    await log?.record({ type, id, version, integrity, ...logged });
    return meta;
  });
  if (meta !== undefined) return meta;
  throw new HTTPException(404, {
    message: `Cannot ${undo ? "restore" : "yank"} ${id} ${version}: no such version is published`,
  });
}

function changed(id: string, version: string): HTTPException {
  return new HTTPException(409, {
    message:
      `Cannot publish ${id} ${version}: it is already published with other bytes, and a published ` +
      `version never changes; raise the version`,
  });
}

/**
 * Refuse a version that differs from another only in build metadata, because ranges cannot
 * distinguish them.
 */
async function checkTwins(store: PluginStore, id: string, version: string): Promise<void> {
  const others = Object.keys((await store.meta(id))?.versions ?? {});
  const twin = others.find((one) =>
    compareVersions(parseVersion(one), parseVersion(version)) === 0
  );
  if (twin === undefined) return;
  throw new HTTPException(409, {
    message: `Cannot publish ${id} ${version}: ${twin} is published, and differs only in build ` +
      `metadata; raise the version`,
  });
}

async function checkSigners(
  store: PluginStore,
  { manifest: { id, version }, signers }: VerifiedVersion,
): Promise<void> {
  // The newest first.
  for (const earlier of Object.keys((await store.meta(id))?.versions ?? {})) {
    const bytes = await store.file(id, earlier, manifestName);
    const manifest = parseManifest(new TextDecoder().decode(bytes), `${id} ${earlier}`);
    const before = await verifySignatures(manifest, `${id} ${earlier}`).catch(() => []);
    if (before.length === 0) continue;
    if (before.some((one) => signers.includes(one))) return;
    throw new HTTPException(403, {
      message: `Cannot publish ${id} ${version}: ${earlier} is signed by ${before.join(", ")}, ` +
        `this one by ${signers.join(", ") || "nobody"}; sign it with that key, and with the new ` +
        `one beside it if the key is to change`,
    });
  }
}
