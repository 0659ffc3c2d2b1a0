import { Hono } from "hono";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { HTTPException } from "hono/http-exception";
import * as v from "valibot";
import { fromBase64 } from "../../plugins/manifest/integrity.ts";
import { manifestName } from "../../plugins/manifest/format.ts";
import { briefly, limitBody, notFound, parseBody, readText } from "../answer.ts";
import { requireOwner } from "../auth/require_owner.ts";
import type { Tokens } from "../auth/tokens.ts";
import type { PluginLog } from "../log/log.ts";
import type { PluginStore } from "../stores/types.ts";
import { publishVersion, yankVersion } from "./publish.ts";
import type { NewVersion } from "./verify.ts";

/** Holds 24 MiB of files in base64. */
const maxBody = 32 * 1024 * 1024;
const maxFiles = 1000;
const maxReasonBody = 16 * 1024;

/**
 * The registry in the layout of static hosts, and the routes that change it.
 *
 * A version is published in one request, as JSON: `manifest` is the text of its manifest, `files`
 * maps each path that the manifest lists to base64. The response is
 * `{ id, version, integrity, reference }`, with 201 for a new version and 200 for an existing one
 * with the same bytes. An error is `{ error, code? }`, with 400 for an incomplete plugin, 401 or
 * 403 for a missing token or one of another owner, 404 for an unknown version, 409 for an existing
 * version with other bytes, or 413 for a body that is too large.
 */
export function registryRoutes(plugins: PluginStore, tokens: Tokens, log: PluginLog) {
  const shared = [cors({ origin: "*", allowMethods: ["GET", "HEAD"] }), etag()] as const;
  const allowed = requireOwner(tokens);
  return new Hono({ strict: false })
    .get("/index.json", ...shared, async (c) => {
      c.header("cache-control", briefly);
      return c.json(await plugins.index());
    })
    .get("/advisories.json", ...shared, async (c) => {
      const bytes = await plugins.advisories();
      if (bytes === undefined) return notFound(c);
      return c.body(bytes as Uint8Array<ArrayBuffer>, 200, {
        "cache-control": briefly,
        "content-type": contentTypes.json,
      });
    })
    .get("/:owner/:name/meta.json", ...shared, async (c) => {
      const { owner, name } = c.req.param();
      const meta = await plugins.meta(`${owner}/${name}`);
      if (meta === undefined) return notFound(c);
      c.header("cache-control", briefly);
      return c.json(meta);
    })
    .get("/:owner/:name/:version/:path{.+}", ...shared, async (c) => {
      const { owner, name, version, path } = c.req.param();
      const bytes = await plugins.file(`${owner}/${name}`, version, path);
      if (bytes === undefined) return notFound(c);
      return c.body(bytes as Uint8Array<ArrayBuffer>, 200, {
        "cache-control": "public, max-age=31536000, immutable",
        "content-type": contentTypeOf(path),
        // A plugin's file must never run as a page of the hub.
        "content-security-policy": "default-src 'none'; sandbox",
      });
    })
    .put(
      "/:owner/:name/:version",
      // Checked before the body is read, so that requests without a token cannot fill the memory.
      allowed,
      limitBody(maxBody, "publish"),
      async (c) => {
        const { owner, name, version } = c.req.param();
        const { isNew, ...published } = await publishVersion(
          plugins,
          readVersion(await readText(c)),
          { id: `${owner}/${name}`, version, published: new Date(), log },
        );
        const reference = `${published.id}/${version}/${manifestName}#${published.integrity}`;
        return c.json({ ...published, reference }, isNew ? 201 : 200);
      },
    )
    .post(
      "/:owner/:name/:version/:verb{yank|unyank}",
      allowed,
      limitBody(maxReasonBody, "yank"),
      async (c) => {
        const { owner, name, version, verb } = c.req.param();
        const { reason } = readYank(await readText(c));
        const undo = verb === "unyank";
        return c.json(
          await yankVersion(plugins, `${owner}/${name}`, version, { undo, reason, log }),
        );
      },
    );
}

// Not v.record, which silently drops keys such as "__proto__".
const plainObject = v.custom<Record<string, unknown>>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
);
const versionSchema = v.strictObject({ manifest: v.string(), files: plainObject });
const versionForm = `{ "manifest": text, "files": { path: base64 } }`;
const yankSchema = v.pipe(plainObject, v.object({ reason: v.optional(v.string()) }));
const yankForm = `that is empty or { "reason": text }`;

function readVersion(text: string): NewVersion {
  const { manifest, files } = parseBody(versionSchema, text, "publish", versionForm);
  const wrong = (found: string) =>
    new HTTPException(400, {
      message: `Cannot publish: expected a body ${versionForm}, got ${found}`,
    });
  const entries = Object.entries(files);
  if (entries.length > maxFiles) throw wrong(`${entries.length} files of at most ${maxFiles}`);
  const contents = entries.map(([path, content]): [string, Uint8Array] => {
    try {
      return [path, fromBase64(content as string)];
    } catch {
      throw wrong(`no base64 for file ${JSON.stringify(path.slice(0, 60))}`);
    }
  });
  return { manifest: new TextEncoder().encode(manifest), files: new Map(contents) };
}

function readYank(text: string): v.InferOutput<typeof yankSchema> {
  return text === "" ? {} : parseBody(yankSchema, text, "yank", yankForm);
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
