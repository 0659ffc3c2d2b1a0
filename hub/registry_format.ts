import type { PluginManifest } from "../plugins/manifest_format.ts";

/** `/index.json`: every plugin of a registry. */
export interface RegistryIndex {
  schemaVersion: 1;
  /** By id. */
  plugins: RegistryEntry[];
}

/** A plugin in the index, as its latest version describes it. */
export interface RegistryEntry {
  id: string;
  latest: string;
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
  /** The newest version that is no prerelease and not withdrawn, where there is one. */
  latest: string;
  /** The newest first. */
  versions: Record<string, RegistryVersion>;
  /** Versions that nobody should newly choose. Kept when the rest is made anew. */
  yanked: string[];
}

/** What is to be known of a version before its manifest is fetched. */
export interface RegistryVersion {
  /** Of the manifest: what a reference carries as its fragment. */
  integrity: string;
  engines: PluginManifest["engines"];
  /** When a hub took it, as an ISO timestamp; what was put into the folder otherwise has none. */
  published?: string;
}
