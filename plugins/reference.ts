import { isLoopback } from "./fetcher.ts";
import { parseIntegrity } from "./integrity.ts";

/** What a reference names. */
export interface PluginReference {
  /** The manifest. */
  url: URL;
  /** What the manifest must be, where the reference says so. */
  integrity: string | undefined;
}

/**
 * Take a reference apart.
 *
 * @param reference the URL of a manifest, its integrity as the fragment
 * @param given the integrity where it stands beside the reference
 * @throws TypeError for a reference that is no URL, or of a scheme that is not served
 * @throws SyntaxError for an integrity that cannot be read
 */
export function parseReference(
  reference: string | URL,
  given: string | undefined,
): PluginReference {
  let url: URL;
  try {
    url = new URL(reference);
  } catch (cause) {
    throw new TypeError(
      `Cannot load plugin ${reference}: wanted the URL of its manifest; for a file beside your ` +
        `module write new URL("...", import.meta.url)`,
      { cause },
    );
  }
  const fragment = decodeURIComponent(url.hash.slice(1));
  url.hash = "";
  const isServed = url.protocol === "https:" || url.protocol === "file:" ||
    (url.protocol === "http:" && isLoopback(url));
  const hasCredentials = url.username !== "" || url.password !== "";
  // Before any message: what is secret is not printed.
  url.username = url.password = "";
  if (!isServed || hasCredentials) {
    throw new TypeError(
      `Cannot load plugin ${url}: wanted https:, file:, or http: on this ` +
        `machine, with credentials in the option headers if there are any`,
    );
  }
  const integrity = fragment || given;
  if (fragment !== "" && given !== undefined && fragment !== given) {
    throw new TypeError(
      `Cannot load plugin ${url}: its reference says ${fragment}, the option integrity ${given}`,
    );
  }
  if (integrity !== undefined) parseIntegrity(integrity);
  return { url, integrity };
}
