import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { getRuntime } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { renderPage } from "./web/page.ts";
import { publishRoutes } from "./registry/routes.ts";
import { Registry } from "./registry/publish.ts";
import { parseEpoch, type RunEpoch, Runs } from "./runs/protocol.ts";
import { checkTokens, type Tokens } from "./auth/tokens.ts";

/** Options of {@linkcode createHub}. */
export interface HubOptions {
  /** The folder of published plugins. */
  directory: Path;
  /** Where that folder lies. Default: the runtime's files. */
  fs?: FileSystem;
  /**
   * Who may publish: for each token the owners whose plugins it may publish and yank,
   * `{ "a long random text": ["ada"] }`, as `parseTokens` reads them. Default: nobody.
   */
  tokens?: Tokens;
  /** How many runs are remembered. Default: 100. */
  maxRuns?: number;
  /** How many epochs of each run are remembered. Default: 10 000. */
  maxEpochs?: number;
}

/**
 * A registry of plugins and a place that trainings report to, as a Hono app.
 *
 * ```text
 * GET  /                                   a page for people
 * GET  /healthz                            { "status": "ok" }
 * GET  /index.json                         every plugin
 * GET  /<owner>/<name>/meta.json           every version of one
 * GET  /<owner>/<name>/<version>/<file>    a version's files, which never change
 * PUT  /<owner>/<name>/<version>           publish it: { "manifest": text, "files": { path: base64 } }
 * POST /<owner>/<name>/<version>/yank      yank it, { "reason": text }; /unyank undoes it
 * GET  /schemas/<name>.schema.json         what editors check a manifest, keepfit.json and the lock by
 * POST /publish/epoch/end/                 an epoch's logs, as RemoteMonitor sends them; ?run=<name>
 * GET  /runs  /runs/<id>                   what was reported
 * ```
 *
 * The registry may be read from any web page; runs may not, and a page of another origin cannot
 * report. Publishing wants a token, `Authorization: Bearer <token>`; everything is verified before
 * anything is written, and a version never changes. There are no other accounts: serve it to people
 * you trust, over https where tokens are sent.
 *
 * @param options where the plugins are, and what is remembered
 * @returns the app; `app.fetch` is a fetch handler
 * @throws RangeError for a token that can be guessed, or an owner that is none
 * @example
 * ```ts
 * import { createHub } from "keepfit/hub";
 * import { memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * await fs.makeDir("plugins");
 * const hub = createHub({ directory: "plugins", fs });
 * await hub.request("/publish/epoch/end/", {
 *   method: "POST",
 *   headers: { "content-type": "application/x-www-form-urlencoded" },
 *   body: new URLSearchParams({ data: '{"epoch": 0, "loss": NaN}' }).toString(),
 * });
 * const run = await (await hub.request("/runs/run-1")).json();
 * assert.deepEqual(run.epochs, [{ epoch: 0, loss: "NaN" }]);
 * ```
 */
export function createHub(options: HubOptions): Hono {
  const { directory, fs = getRuntime().fs, maxRuns = 100, maxEpochs = 10_000 } = options;
  const { tokens = {} } = options;
  checkTokens(tokens);
  const registry = new Registry(fs, directory);
  const runs = new Runs(maxRuns, maxEpochs);
  const app = new Hono({ strict: false });

  app.use(async (c, next) => {
    await next();
    c.header("x-content-type-options", "nosniff");
  });
  app.get("/healthz", (c) => c.json({ status: "ok" }));
  app.get("/", async (c) => {
    c.header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'");
    return c.html(await renderPage(await registry.index(), runs.list()));
  });

  app.get("/runs", (c) => c.json({ runs: runs.list() }));
  app.get("/runs/:id", (c) => {
    const run = runs.get(c.req.param("id"));
    return run === undefined ? notFound(c) : c.json(run);
  });
  app.post(
    "/publish/epoch/end",
    bodyLimit({
      maxSize: 64 * 1024,
      onError: (c) => c.json({ error: "Cannot take this epoch: more than 64 KiB" }, 413),
    }),
    (c) => report(c, runs),
  );

  const shared = [cors({ origin: "*", allowMethods: ["GET", "HEAD"] }), etag()] as const;
  app.get("/index.json", ...shared, async (c) => {
    c.header("cache-control", brief);
    return c.json(await registry.index());
  });
  app.get("/:owner/:name/meta.json", ...shared, async (c) => {
    const meta = await registry.meta(c.req.param("owner"), c.req.param("name"));
    if (meta === undefined) return notFound(c);
    c.header("cache-control", brief);
    return c.json(meta);
  });
  app.get("/:owner/:name/:version/:path{.+}", ...shared, async (c) => {
    const { owner, name, version, path } = c.req.param();
    const file = await registry.file(owner, name, version, path);
    if (file === undefined) return notFound(c);
    return c.body(file.bytes as Uint8Array<ArrayBuffer>, 200, {
      "cache-control": "public, max-age=31536000, immutable",
      "content-type": contentTypeOf(path),
      // What a plugin brings along must never run as a page of the hub.
      "content-security-policy": "default-src 'none'; sandbox",
    });
  });
  app.route("/", publishRoutes(registry, tokens));
  app.get("/schemas/:name{[a-z.]+\\.schema\\.json}", ...shared, async (c) => {
    const text = await readSchema(c.req.param("name"));
    if (text === undefined) return notFound(c);
    return c.body(text, 200, {
      "cache-control": brief,
      "content-type": "application/schema+json; charset=utf-8",
    });
  });
  app.notFound(notFound);
  return app;
}

const brief = "public, max-age=60";

/** A JSON Schema that this package carries. */
async function readSchema(name: string): Promise<string | undefined> {
  try {
    return await getRuntime().fs.readTextFile(new URL(`../schemas/${name}`, import.meta.url));
  } catch {
    return undefined;
  }
}

async function report(c: Context, runs: Runs): Promise<Response> {
  const origin = c.req.header("origin");
  if (origin !== undefined && origin !== new URL(c.req.url).origin) {
    return c.json({ error: `Cannot take this epoch from a page of ${origin}` }, 403);
  }
  const name = c.req.query("run");
  if (name !== undefined && !/^[\w.-]{1,64}$/.test(name)) {
    return c.json(
      { error: "Cannot take this epoch: run must be 1 to 64 of A-Z a-z 0-9 . _ -" },
      400,
    );
  }
  const isForm = /^(application\/x-www-form-urlencoded|multipart\/form-data)\b/i.test(
    c.req.header("content-type") ?? "",
  );
  let epoch: RunEpoch;
  try {
    const text = isForm ? (await c.req.parseBody()).data : await c.req.text();
    if (typeof text !== "string") {
      throw new TypeError("Cannot take this epoch: the form has no field data");
    }
    epoch = parseEpoch(text);
  } catch (error) {
    return c.json({ error: (error as Error).message }, 400);
  }
  return c.json({ run: runs.add(epoch, name).id });
}

function notFound(c: Context): Response {
  return c.json({ error: `Nothing is at ${c.req.path}` }, 404);
}

function contentTypeOf(path: string): string {
  const extension = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  return contentTypes[extension] ?? "application/octet-stream";
}

const contentTypes: Record<string, string> = {
  js: "text/javascript; charset=utf-8",
  json: "application/json; charset=utf-8",
  map: "application/json; charset=utf-8",
  md: "text/plain; charset=utf-8",
  mjs: "text/javascript; charset=utf-8",
  txt: "text/plain; charset=utf-8",
};
