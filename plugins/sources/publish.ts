import { fetchFailure } from "../../runtime/mod.ts";
import { PluginError } from "../errors.ts";
import { type Fetch, isLoopback } from "./fetcher.ts";
import { computeIntegrity, toBase64 } from "../manifest/integrity.ts";
import { parseManifest } from "../manifest/parse.ts";
import { manifestName } from "../manifest/format.ts";

/** How a registry is reached. */
export interface RegistryAccess {
  /** Where the hub is: https, or http on this machine. */
  registry: string | URL;
  /** One of the hub's tokens. */
  token: string;
  /** Default: the runtime's own. */
  fetch?: Fetch;
  /** Milliseconds that the answer may take. Default: 60 000. */
  timeout?: number;
}

/** The plugin to publish. */
export interface PublishOptions extends RegistryAccess {
  /** Text of the manifest, published byte for byte. */
  manifest: string;
  /** The bytes of all its files, by their paths in the manifest. */
  files: ReadonlyMap<string, Uint8Array>;
}

/** The published plugin. */
export interface PublishedPlugin {
  id: string;
  version: string;
  /** The URL of the manifest with its integrity, for `loadPlugin`. */
  reference: string;
  /** False if the same bytes were already published. */
  isNew: boolean;
}

/**
 * Publish a packed plugin to a hub.
 *
 * @param options the plugin and the hub
 * @throws TypeError for a registry to which a token must not be sent
 * @throws PluginError `E_MANIFEST` for an invalid manifest, `E_HTTP` when the hub cannot be reached
 * or refuses, with its answer
 */
export async function publishPlugin(options: PublishOptions): Promise<PublishedPlugin> {
  const { manifest: text, files } = options;
  const { id, version } = parseManifest(text, manifestName);
  const contents = Object.fromEntries([...files].map(([path, bytes]) => [path, toBase64(bytes)]));
  const path = `${id}/${version}`;
  const body = JSON.stringify({ manifest: text, files: contents });
  const { status, answer, url } = await send(options, "PUT", path, body);
  const integrity = await computeIntegrity(new TextEncoder().encode(text));
  if (answer.integrity !== integrity) {
    throw new PluginError("E_HTTP", `Cannot publish ${id} ${version}: ${url} has other content`, {
      url,
      expected: integrity,
      actual: String(answer.integrity),
    });
  }
  return {
    id,
    version,
    reference: `${url}/${manifestName}#${integrity}`,
    isNew: status === 201,
  };
}

/** Options of {@linkcode yankPlugin}. */
export interface YankOptions {
  /** Make it available again. Default: false. */
  undo?: boolean;
  /**
   * Why it is yanked, one line of at most 500 characters. Default: the earlier reason, else none.
   */
  reason?: string;
}

/**
 * Yank a published version, or undo that. Projects that have it locked keep it.
 *
 * @param id `owner/name`
 * @param version the version
 * @returns all yanked versions
 * @throws TypeError for a registry to which a token must not be sent
 * @throws PluginError `E_HTTP` when the hub cannot be reached or refuses, with its answer
 */
export async function yankPlugin(
  access: RegistryAccess,
  id: string,
  version: string,
  { undo = false, reason }: YankOptions = {},
): Promise<string[]> {
  const body = reason === undefined ? "" : JSON.stringify({ reason });
  const { answer } = await send(
    access,
    "POST",
    `${id}/${version}`,
    body,
    undo ? "unyank" : "yank",
  );
  return Array.isArray(answer.yanked) ? answer.yanked : [];
}

interface Answer {
  status: number;
  answer: Record<string, unknown>;
  /** The result. */
  url: string;
}

async function send(
  access: RegistryAccess,
  method: "POST" | "PUT",
  path: string,
  body: string,
  verb?: string,
): Promise<Answer> {
  const { fetch = (input, init) => globalThis.fetch(input, init), timeout = 60_000 } = access;
  if (!URL.canParse(access.registry)) {
    throw new TypeError(
      `Cannot ${verb ?? "publish"} at ${access.registry}: expected the URL of a hub; to publish ` +
        `to a folder, use keepfit pack --out`,
    );
  }
  const base = new URL(access.registry);
  base.search = base.hash = "";
  if (base.username !== "" || base.password !== "") {
    base.username = base.password = "";
    throw new TypeError(
      `Cannot ${verb ?? "publish"} at ${base}: expected a URL without user and password; a hub ` +
        "identifies authors by tokens",
    );
  }
  if (base.protocol !== "https:" && !(base.protocol === "http:" && isLoopback(base))) {
    throw new TypeError(
      `Cannot ${verb ?? "publish"} at ${base}: tokens are sent only over https or to this machine`,
    );
  }
  const parts = path.split("/").map(encodeURIComponent).join("/");
  const url = new URL(parts, base.href.replace(/\/*$/, "/")).href;
  const failed = (what: string, cause?: unknown): PluginError => {
    const plugin = path.replace(/\/(?=[^/]*$)/, " ");
    return new PluginError("E_HTTP", `Cannot ${verb ?? "publish"} ${plugin} at ${base}: ${what}`, {
      url,
      cause,
    });
  };
  let response: Response;
  let text: string;
  try {
    response = await fetch(verb === undefined ? url : `${url}/${verb}`, {
      method,
      body,
      // The token must not leave for another host.
      redirect: "manual",
      credentials: "omit",
      signal: AbortSignal.timeout(timeout),
      headers: {
        accept: "application/json",
        authorization: `Bearer ${access.token}`,
        "content-type": "application/json",
        "user-agent": "keepfit",
      },
    });
    text = await response.text();
  } catch (cause) {
    throw failed(fetchFailure(cause), cause);
  }
  const answer = parseAnswer(text);
  if (response.ok && answer !== undefined) return { status: response.status, answer, url };
  const said = typeof answer?.error === "string" ? `: ${answer.error}` : "";
  throw failed(`the registry answered ${response.status}${said}`);
}

function parseAnswer(text: string): Record<string, unknown> | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === "object" ? answer as Record<string, unknown> ?? undefined : undefined;
  } catch {
    return undefined;
  }
}
