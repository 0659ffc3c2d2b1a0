import { type Context, Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { PluginError } from "../../plugins/errors.ts";
import { fromBase64 } from "../../plugins/manifest/integrity.ts";
import { manifestName } from "../../plugins/manifest/format.ts";
import { PublishError } from "../errors.ts";
import type { Registry } from "./publish.ts";
import { ownersOf, type Tokens } from "../auth/tokens.ts";
import type { NewVersion } from "./verify.ts";

/** In base64 that is 24 MiB of files. */
const maxBody = 32 * 1024 * 1024;
const maxFiles = 1000;
const maxReasonBody = 16 * 1024;

/**
 * What changes a registry: publish a version, yank it, undo that.
 *
 * A version comes in one request, as JSON: `manifest` is the text of its manifest, `files` has each
 * file that the manifest lists, by its path, in base64. Answers are JSON: 201 for a new version and
 * 200 for one that is there with the same bytes, `{ id, version, integrity, reference }`; else
 * `{ error, code? }` with 400 for what is no whole plugin, 401 and 403 for who may not, 404, 409 for
 * a version that is there and differs, 413 for too much. A yank may say why: `{ "reason": text }`.
 */
export function publishRoutes(registry: Registry, tokens: Tokens): Hono {
  const app = new Hono({ strict: false });
  const allowed = onlyOwners(tokens);
  app.put(
    "/:owner/:name/:version",
    // Before the body is read: nobody unknown fills the memory.
    allowed,
    bodyLimit({
      maxSize: maxBody,
      onError: (c) => c.json({ error: `Cannot publish: more than ${maxBody} bytes` }, 413),
    }),
    (c) =>
      answer(c, async () => {
        const { owner, name, version } = c.req.param();
        const wanted = readVersion(await c.req.text());
        const published = await registry.publish(wanted, {
          id: `${owner}/${name}`,
          version,
          published: new Date(),
        });
        const { isNew, ...told } = published;
        const reference = `${told.id}/${version}/${manifestName}#${told.integrity}`;
        return c.json({ ...told, reference }, isNew ? 201 : 200);
      }),
  );
  for (const [verb, isYanked] of [["yank", true], ["unyank", false]] as const) {
    app.post(
      `/:owner/:name/:version/${verb}`,
      allowed,
      bodyLimit({
        maxSize: maxReasonBody,
        onError: (c) => c.json({ error: `Cannot ${verb}: more than ${maxReasonBody} bytes` }, 413),
      }),
      (c) =>
        answer(c, async () => {
          const { owner, name, version } = c.req.param();
          const reason = readReason(await c.req.text());
          return c.json(await registry.setYanked(owner, name, version, isYanked, reason));
        }),
    );
  }
  return app;
}

function onlyOwners(tokens: Tokens): MiddlewareHandler {
  return async (c, next) => {
    const owners = await ownersOf(tokens, c.req.header("authorization"));
    if (owners === undefined) {
      c.header("www-authenticate", "Bearer");
      const error = Object.keys(tokens).length === 0
        ? "Cannot publish: nobody may publish here; the hub's option tokens says who may"
        : "Cannot publish: wanted Authorization: Bearer and a token of this hub";
      return c.json({ error }, 401);
    }
    const owner = c.req.param("owner") as string;
    if (!owners.includes(owner)) {
      return c.json({ error: `Cannot publish for ${owner}: this token is for others` }, 403);
    }
    await next();
  };
}

async function answer(c: Context, change: () => Promise<Response>): Promise<Response> {
  try {
    return await change();
  } catch (error) {
    if (error instanceof PluginError) {
      return c.json({ error: error.message, code: error.code }, 400);
    }
    if (error instanceof PublishError) return c.json({ error: error.message }, error.status);
    console.error(error);
    return c.json({ error: "Cannot publish: the registry's folder cannot be changed" }, 500);
  }
}

function readVersion(text: string): NewVersion {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw wrongBody("is no JSON");
  }
  if (!isObject(body)) throw wrongBody("is no object");
  const { manifest, files, ...others } = body;
  if (typeof manifest !== "string") throw wrongBody("has no text manifest");
  if (!isObject(files)) throw wrongBody("has no object files");
  const [other] = Object.keys(others);
  if (other !== undefined) throw wrongBody(`has ${JSON.stringify(other.slice(0, 60))}`);
  const entries = Object.entries(files);
  if (entries.length > maxFiles) throw wrongBody(`has more than ${maxFiles} files`);
  const contents = new Map(entries.map(([path, one]): [string, Uint8Array] => {
    try {
      return [path, fromBase64(one as string)];
    } catch {
      throw wrongBody(`has no base64 for file ${JSON.stringify(path.slice(0, 60))}`);
    }
  }));
  return { manifest: new TextEncoder().encode(manifest), files: contents };
}

function readReason(text: string): string | undefined {
  if (text === "") return undefined;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // Reported below, as what was wanted.
  }
  const { reason } = isObject(body) ? body : { reason: null };
  if (reason === undefined || typeof reason === "string") return reason;
  throw new PublishError(400, `Cannot yank: the body must be empty or { "reason": text }`);
}

function wrongBody(what: string): PublishError {
  return new PublishError(
    400,
    `Cannot publish: the body ${what}; wanted { "manifest": text, "files": { path: base64 } }`,
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
