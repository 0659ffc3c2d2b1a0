import type { PluginManifest } from "../../plugins/manifest/format.ts";

/** `/index.json`: every plugin of a registry. */
export interface RegistryIndex {
  /** Version of this format. */
  schemaVersion: 1;
  /** Plugins, sorted by id. */
  plugins: RegistryEntry[];
}

/** A plugin in the index, described by its latest version, or by its newest when all are yanked. */
export interface RegistryEntry {
  /** Id of the plugin, `owner/name`. */
  id: string;
  /** As in `meta.json`; missing when every version is yanked. */
  latest?: string;
  /** Set when every version is yanked. */
  yanked?: true;
  /** Title in the manifest. */
  title: string;
  /** Description in the manifest. */
  description: string;
  /** Keywords in the manifest. */
  keywords?: string[];
  /** Categories in the manifest. */
  categories?: PluginManifest["categories"];
  /** Stage in the manifest. */
  stage?: PluginManifest["stage"];
}

/** `/<owner>/<name>/meta.json`: every version of a plugin. */
export interface RegistryMeta {
  /** Version of this format. */
  schemaVersion: 1;
  /** Id of the plugin, `owner/name`. */
  id: string;
  /**
   * The newest release that is not yanked; if there is none, the newest prerelease. Missing when
   * every version is yanked.
   */
  latest?: string;
  /** Versions by number, the newest first. */
  versions: Record<string, RegistryVersion>;
  /** Yanked versions, which ranges skip. */
  yanked: string[];
}

/** The data of a version that is available before its manifest is fetched. */
export interface RegistryVersion {
  /** Integrity of the manifest: the fragment of a reference. */
  integrity: string;
  /** Engines in the manifest. */
  engines: PluginManifest["engines"];
  /**
   * Time of publishing on a hub, as an ISO timestamp; missing for versions that were added in
   * another way.
   */
  published?: string;
  /** Reason of the yank, if one was given. */
  yankReason?: string;
}
