import { PluginError } from "../errors.ts";
import type { PluginCache } from "./cache.ts";
import type { ChangeQuery, Fetcher } from "./fetcher.ts";

/** A file of a registry that may change, and how it is read. */
export interface Answer<Data> {
  url: URL;
  maxBytes: number;
  /** Throws if the text is unusable. */
  parse(text: string): Data;
}

/**
 * Read a changeable file of a registry: from the server, or from the cache if it has not changed or
 * no network is used.
 *
 * @param query limits of time and retries
 * @throws PluginError `E_HTTP`, `E_LIMIT`, `E_OFFLINE`, and errors of `parse`
 */
export async function readAnswer<Data>(
  { url, maxBytes, parse }: Answer<Data>,
  fetcher: Fetcher,
  cache: PluginCache,
  query: Omit<ChangeQuery, "etag"> = {},
): Promise<Data> {
  const isRemote = url.protocol !== "file:";
  const kept = isRemote ? await readKept({ url, parse }, cache) : undefined;
  if (fetcher.offline && kept !== undefined) return kept.data;
  const answer = await fetcher.readChanged(url, maxBytes, { ...query, etag: kept?.etag });
  if (answer === undefined) return (kept as { data: Data }).data;
  const text = new TextDecoder().decode(answer.bytes);
  const data = parse(text);
  if (isRemote) await cache.writeAnswer(url, { etag: answer.etag, text });
  return data;
}

/** The server's last answer from the cache, if it is still usable. */
export async function readKept<Data>(
  { url, parse }: Pick<Answer<Data>, "parse" | "url">,
  cache: PluginCache,
): Promise<{ data: Data; etag: string | undefined } | undefined> {
  const kept = await cache.readAnswer(url);
  try {
    return kept && { data: parse(kept.text), etag: kept.etag };
  } catch {
    return undefined;
  }
}

/** True if the server or folder has no such file. */
export function isMissing(error: unknown, url: URL): boolean {
  return error instanceof PluginError && error.code === "E_HTTP" &&
    error.actual === (url.protocol === "file:" ? "NotFound" : "status 404");
}
