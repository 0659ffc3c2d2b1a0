import { computeIntegrity } from "keepfit/plugins";
import { publish, recording, site } from "./plugin_site.ts";

/** A version to publish. */
export interface VersionToPublish {
  files?: Record<string, string>;
  /** Changes of the manifest. */
  change?: Record<string, unknown>;
  /** Changes of its callback. */
  callback?: Record<string, unknown>;
  /** Age in hours; undefined if the registry does not provide it. */
  age?: number;
  /** Reason of the yank. */
  yankReason?: string;
}

/**
 * Publish versions of a plugin in a registry on the site, at `/registry/`.
 *
 * @param yanked versions that are yanked
 * @returns the registry's URL
 */
export async function publishVersions(
  id: string,
  versions: Record<string, VersionToPublish>,
  yanked: string[] = [],
): Promise<string> {
  const listed: Record<string, unknown> = {};
  for (const [version, { files, change, callback, age, yankReason }] of Object.entries(versions)) {
    const pushing = `globalThis.seen.push(${JSON.stringify(version)})`;
    const made = await publish(
      files ?? { "main.js": recording(pushing) },
      { id, version, ...change },
      callback,
    );
    const from = new URL(".", made).pathname;
    const to = `/registry/${id}/${version}/`;
    for (const [path, page] of [...site.pages]) {
      if (!path.startsWith(from)) continue;
      site.pages.set(to + path.slice(from.length), page);
      site.pages.delete(path);
    }
    const text = site.pages.get(`${to}callback.plugin.json`) as string;
    listed[version] = {
      integrity: await computeIntegrity(new TextEncoder().encode(text)),
      engines: JSON.parse(text).engines,
      published: age === undefined
        ? undefined
        : new Date(Date.now() - age * 3_600_000).toISOString(),
      yankReason,
    };
  }
  const latest = Object.keys(versions)[0];
  const meta = { schemaVersion: 1, id, latest, versions: listed, yanked };
  site.pages.set(`/registry/${id}/meta.json`, JSON.stringify(meta));
  return new URL("/registry/", site.url).href;
}

/** URL of a registry on another host. */
export const farRegistry = "https://plugins.example/registry/";

/** A `fetch` with which the site serves another host. */
export const farFetch = (input: string, init: RequestInit): Promise<Response> =>
  fetch(input.replace("https://plugins.example/", site.url), init);
