import { Hono } from "hono";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { getRuntime } from "../../runtime/mod.ts";
import { briefly, notFound } from "../answer.ts";

/**
 * The JSON Schemas of this package, with which editors check a manifest, keepfit.json and the lock.
 */
export function schemaRoutes() {
  return new Hono({ strict: false }).get(
    "/:name{[a-z.]+\\.schema\\.json}",
    cors({ origin: "*", allowMethods: ["GET", "HEAD"] }),
    etag(),
    async (c) => {
      const text = await readSchema(c.req.param("name"));
      if (text === undefined) return notFound(c);
      return c.body(text, 200, {
        "cache-control": briefly,
        "content-type": "application/schema+json; charset=utf-8",
      });
    },
  );
}

async function readSchema(name: string): Promise<string | undefined> {
  try {
    return await getRuntime().fs.readTextFile(new URL(`../../schemas/${name}`, import.meta.url));
  } catch {
    return undefined;
  }
}
