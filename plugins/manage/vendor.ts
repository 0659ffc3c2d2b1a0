import { directoryOf } from "../../runtime/mod.ts";
import type { Path } from "../../runtime/types.ts";
import { toConfigPath, updateConfig } from "../project/config.ts";
import { urlOfPath } from "../../runtime/find_upward.ts";
import { manifestName } from "../manifest/format.ts";
import { openPlugin } from "../load/open_plugin.ts";
import { readFiles } from "./read_files.ts";
import { lockedReference, openProject, type ProjectOptions } from "./project.ts";
import { parseReference } from "../sources/reference.ts";
import { VendoredPlugin } from "../sources/vendored.ts";

/** Options of {@linkcode vendorPlugins}. */
export interface VendorPluginsOptions
  extends Omit<ProjectOptions, "frozen" | "trustFirstUse" | "vendor"> {
  /** The folder. Default: as `keepfit.json` says, else `vendor` beside the lock file. */
  directory?: Path;
}

/** A plugin that was put into the vendor folder. */
export interface VendoredFiles {
  reference: string;
  id: string;
  version: string;
  /** `<vendor>/<owner>/<name>/<version>/`. */
  folder: string;
  /** How many files, with the manifest. */
  files: number;
}

/**
 * Copy the manifest and the files of every locked plugin that comes from elsewhere, verified, into a
 * folder of the project, and say so in `keepfit.json`: from then on they are read from there. Where
 * there is nothing to copy, nothing is written.
 *
 * @returns what was copied
 * @throws PluginError of the first that cannot be had as it was locked
 */
export async function vendorPlugins(options: VendorPluginsOptions = {}): Promise<VendoredFiles[]> {
  const { directory, ...rest } = options;
  const project = await openProject(rest);
  const { fs, lock, lockUrl, configUrl, config, open } = project;
  const vendor = directory === undefined
    ? open.vendor as URL | undefined ?? new URL("vendor", lockUrl)
    : urlOfPath(directory);
  const copied = Object.entries(lock.plugins).map(async ([key, locked]) => {
    const given = lockedReference(key, lockUrl);
    const reference = parseReference(given);
    const isHere = reference.kind === "package" ||
      (reference.kind === "url" && reference.url.protocol === "file:");
    if (isHere) return undefined;
    // Not from the folder itself: what was changed there is to be put right.
    const opened = await openPlugin(given, { ...open, frozen: true, vendor: false });
    const files = await readFiles(opened);
    const place = new VendoredPlugin(fs, vendor, locked);
    for (const [path, bytes] of [...files, [manifestName, opened.bytes] as const]) {
      const target = await place.place(path);
      await fs.makeDir(directoryOf(target));
      await fs.writeFile(target, bytes);
    }
    const { id, version } = locked;
    return { reference: key, id, version, folder: `${place.folder}/`, files: files.size + 1 };
  });
  const done = (await Promise.all(copied)).filter((one) => one !== undefined);
  if (done.length > 0 && (config?.config.vendor === undefined || directory !== undefined)) {
    const written = toConfigPath(vendor, configUrl);
    await updateConfig(configUrl, (present) => ({ ...present, vendor: written }), { fs });
  }
  return done;
}
