import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach } from "node:test";
import { type CallbackLike, CallbackList } from "keepfit";
import {
  computeIntegrity,
  loadPlugin,
  type LoadPluginOptions,
  PluginError,
  type PluginErrorCode,
} from "keepfit/plugins";
import { getRuntime, type HttpServer } from "keepfit/runtime";

type Answer = (request: Request) => Response | Promise<Response>;

/** A server on this machine with published plugins, and a folder for caches. */
export interface Site {
  /** Base URL, with a trailing slash. */
  url: string;
  /** Responses by path; other paths respond with 404. Cleared before each test. */
  pages: Map<string, string | Answer>;
  /** Requested paths, in order. Cleared before each test. */
  asked: string[];
  /** A folder that is removed at the end. */
  folder: string;
  /** Path of a new cache folder for each test; it does not exist yet. */
  cacheDir: string;
}

/** The site of the current test. */
export const site: Site = { url: "", pages: new Map(), asked: [], folder: "", cacheDir: "" };

/** Serve the site while the tests of this file run. */
export function setUpSite(): void {
  let server: HttpServer;
  before(async () => {
    site.folder = await mkdtemp(join(tmpdir(), "keepfit-plugin-"));
    server = await getRuntime().serve(async (request) => {
      const path = new URL(request.url).pathname;
      site.asked.push(path);
      const page = site.pages.get(path);
      if (page === undefined) return new Response("no such page", { status: 404 });
      return typeof page === "function" ? await page(request) : new Response(page);
    }, { hostname: "127.0.0.1", port: 0 });
    site.url = server.url;
  });
  after(async () => {
    await server.close();
    await rm(site.folder, { recursive: true });
  });
  beforeEach(() => {
    site.pages = new Map();
    site.asked = [];
    site.cacheDir = join(site.folder, `cache-${unique()}`);
  });
}

let last = 0;

/** A new number: equal sources would be one module in the whole process. */
export function unique(): number {
  return ++last;
}

/** Publish a plugin on the site. @returns the URL of its manifest */
export async function publish(
  files: Record<string, string>,
  change: Record<string, unknown> = {},
  callback: Record<string, unknown> = {},
): Promise<string> {
  const folder = `/plugin-${unique()}`;
  const listed: Record<string, unknown> = {};
  for (const [path, text] of Object.entries(files)) {
    site.pages.set(`${folder}/${path}`, text);
    const bytes = new TextEncoder().encode(text);
    listed[path] = { integrity: await computeIntegrity(bytes), size: bytes.length };
  }
  const manifest = {
    manifestVersion: 1,
    id: "ada/counter",
    version: "1.0.0",
    title: "Counter",
    description: "Counts epochs.",
    license: "MIT",
    authors: [{ name: "Ada" }],
    engines: { core: ">=0.1" },
    module: "main.js",
    files: listed,
    callbacks: [{
      name: "counter",
      export: "default",
      hooks: ["onEpochEnd"],
      controls: [],
      ...callback,
    }],
    sandbox: { support: "supported" },
    repository: "https://example.com/ada/counter",
    ...change,
  };
  site.pages.set(`${folder}/callback.plugin.json`, JSON.stringify(manifest));
  return new URL(`${folder}/callback.plugin.json`, site.url).href;
}

/** Load with the cache of the current test, in this process unless `options` name a tier. */
export function load(reference: string, options: LoadPluginOptions = {}): Promise<CallbackLike> {
  const shared = { cacheDir: site.cacheDir, retryDelay: 1, tier: "trusted" } as const;
  return loadPlugin(reference, { ...shared, ...options });
}

/** Load like {@linkcode load}, and run an epoch. @returns the content of `globalThis.seen` */
export async function runOnce(
  reference: string,
  options: LoadPluginOptions = {},
): Promise<unknown[]> {
  const shared = globalThis as { seen?: unknown[] };
  const seen: unknown[] = shared.seen = [];
  const list = new CallbackList([await load(reference, options)]);
  await list.onEpochBegin(2);
  await list.onEpochEnd(2, { loss: 0.5 });
  await list.close();
  return seen;
}

/** Expect loading to fail. @returns the error */
export async function fails(
  code: PluginErrorCode,
  message: RegExp,
  loading: Promise<unknown>,
): Promise<PluginError> {
  const error = await loading.then(() => assert.fail(`loaded, expected ${code}`), (one) => one);
  assert(error instanceof PluginError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  return error;
}

/** A module with a callback that runs `body` at the end of an epoch. */
export const recording = (body: string, top = ""): string =>
  `${top}\nexport default () => ({ async onEpochEnd() { ${body} } });`;
