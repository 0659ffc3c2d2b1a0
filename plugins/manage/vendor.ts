import { directoryOf } from "../../runtime/mod.ts";
import type { Path } from "../../runtime/types.ts";
import { toConfigPath, updateConfig } from "../project/config.ts";
import { urlOfPath } from "../../runtime/find_upward.ts";
import { manifestName } from "../manifest/format.ts";
import { fetchManifest } from "../load/fetch_manifest.ts";
import { locate } from "../load/locate.ts";
import { readFiles } from "./read_files.ts";
import { lockedReference, openProject, type ProjectOptions } from "./project.ts";
import { isLocalSource, parseReference } from "../sources/reference.ts";
import { VendoredPlugin } from "../sources/vendored.ts";

/** Options of {@linkcode vendorPlugins}. */
export interface VendorPluginsOptions
  extends Omit<ProjectOptions, "frozen" | "trustFirstUse" | "vendor"> {
  /** Vendor folder. Default: that of `keepfit.json`, or `vendor` beside the lock file. */
  directory?: Path;
}

/** A plugin that was copied into the vendor folder. */
export interface VendoredFiles {
  /** Key in the lock file. */
  reference: string;
  /** `owner/name`. */
  id: string;
  /** Locked version. */
  version: string;
  /** `<vendor>/<owner>/<name>/<version>/`. */
  folder: string;
  /** Number of files, including the manifest. */
  files: number;
}

/**
 * Copy the verified manifest and files of every locked plugin from another machine into a folder of
 * the project, and set that folder in `keepfit.json`, from which they are then read. If there is
 * nothing to copy, nothing is written.
 *
 * @returns the copied plugins
 * @throws PluginError for the first plugin that could not be fetched as locked
 */
export async function vendorPlugins(options: VendorPluginsOptions = {}): Promise<VendoredFiles[]> {
  const { directory, ...rest } = options;
  const project = await openProject(rest);
  const { fs, lock, lockUrl, configUrl, config, open } = project;
  const vendor = directory === undefined
    ? open.vendor as URL | undefined ?? new URL("vendor", lockUrl)
    : urlOfPath(directory);
  const copied = Object.entries(lock.plugins).map(async ([key, locked]) => {
    const reference = lockedReference(key, lockUrl);
    if (isLocalSource(parseReference(reference))) return undefined;
    // Not from the vendor folder, so that copying again reverts changes there.
    const location = await locate(reference, { ...open, frozen: true, vendor: false });
    const candidate = await fetchManifest(location);
    const files = await readFiles(candidate);
    const copy = new VendoredPlugin(fs, vendor, locked);
    for (const [path, bytes] of [...files, [manifestName, candidate.bytes] as const]) {
      const target = await copy.pathOf(path);
      await fs.makeDir(directoryOf(target));
      await fs.writeFile(target, bytes);
    }
    const { id, version } = locked;
    return { reference: key, id, version, folder: `${copy.folder}/`, files: files.size + 1 };
  });
  const done = (await Promise.all(copied)).filter((one) => one !== undefined);
  if (done.length > 0 && (config?.config.vendor === undefined || directory !== undefined)) {
    const written = toConfigPath(vendor, configUrl);
    await updateConfig(configUrl, (present) => ({ ...present, vendor: written }), { fs });
  }
  return done;
}
