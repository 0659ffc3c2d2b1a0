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

/** A server on this machine that plugins are published on, and a place for caches. */
export interface Site {
  /** With a slash at the end. */
  url: string;
  /** What is answered, by path; everything else is a 404. Empty for each test. */
  pages: Map<string, string | Answer>;
  /** The paths that were asked for, in order. Empty for each test. */
  asked: string[];
  /** A folder that is removed in the end. */
  folder: string;
  /** A folder for each test, not made yet. */
  cacheDir: string;
}

/** The site of the running test. */
export const site: Site = { url: "", pages: new Map(), asked: [], folder: "", cacheDir: "" };

/** Have the site while the tests of this file run. */
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

/** A number that was not given before: equal texts would be one module in the whole process. */
export function unique(): number {
  return ++last;
}

/** Put a plugin on the site. @returns where its manifest is */
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

/** Load with the cache of the running test, in this process where `options` name no tier. */
export function load(reference: string, options: LoadPluginOptions = {}): Promise<CallbackLike> {
  const shared = { cacheDir: site.cacheDir, retryDelay: 1, tier: "trusted" } as const;
  return loadPlugin(reference, { ...shared, ...options });
}

/** Load as {@linkcode load} does, and run an epoch. @returns what the plugin put into `globalThis.seen` */
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

/** A module whose callback does this at the end of an epoch. */
export const recording = (body: string, top = ""): string =>
  `${top}\nexport default () => ({ async onEpochEnd() { ${body} } });`;
