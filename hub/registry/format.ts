import type { PluginManifest } from "../../plugins/manifest/format.ts";

/** `/index.json`: every plugin of a registry. */
export interface RegistryIndex {
  schemaVersion: 1;
  /** By id. */
  plugins: RegistryEntry[];
}

/** A plugin in the index, as its latest version describes it, or its newest where all are yanked. */
export interface RegistryEntry {
  id: string;
  /** As in `meta.json`; missing where every version is yanked. */
  latest?: string;
  /** True where every version is yanked. */
  yanked?: true;
  title: string;
  description: string;
  keywords?: string[];
  categories?: PluginManifest["categories"];
  stage?: PluginManifest["stage"];
}

/** `/<owner>/<name>/meta.json`: every version of a plugin. */
export interface RegistryMeta {
  schemaVersion: 1;
  id: string;
  /**
   * The newest version that is neither yanked nor a prerelease, else the newest prerelease that is
   * not yanked; missing where every version is yanked.
   */
  latest?: string;
  /** The newest first. */
  versions: Record<string, RegistryVersion>;
  /** Versions that nobody should newly choose. Kept when the rest is derived again. */
  yanked: string[];
}

/** What is to be known of a version before its manifest is fetched. */
export interface RegistryVersion {
  /** Of the manifest: what a reference carries as its fragment. */
  integrity: string;
  engines: PluginManifest["engines"];
  /** When a hub took it, as an ISO timestamp; what was put into the folder otherwise has none. */
  published?: string;
  /** Why it was yanked, where somebody said so. Kept like `published`. */
  yankReason?: string;
}
