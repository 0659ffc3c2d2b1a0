import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { notFound } from "../answer.ts";
import type { PluginLog } from "./log.ts";

const shared = [cors({ origin: "*", allowMethods: ["GET", "HEAD"] }), etag()] as const;

/** The log in the layout of static hosts: its entries and its signed head. */
export function logFileRoutes(log: PluginLog) {
  return new Hono({ strict: false })
    .get(
      "/log.head.json",
      ...shared,
      async (c) => answer(c, await log.head(), "application/json; charset=utf-8"),
    )
    .get(
      "/log.jsonl",
      ...shared,
      async (c) => answer(c, await log.text(), "application/jsonl; charset=utf-8"),
    );
}

/** Proofs about the log, for clients that do not download all of it. */
export function logRoutes(log: PluginLog) {
  return new Hono({ strict: false })
    .get("/entries/:owner/:name/:version", ...shared, async (c) => {
      const { owner, name, version } = c.req.param();
      const size = numberOf(c.req.query("size"));
      const entries = await log.entriesOf(`${owner}/${name}`, version, size);
      if (entries === undefined) return notFound(c);
      c.header("cache-control", fresh);
      return c.json({ size, entries });
    })
    .get("/consistency", ...shared, async (c) => {
      const [first, second] = [numberOf(c.req.query("first")), numberOf(c.req.query("second"))];
      const proof = await log.consistency(first, second);
      if (proof === undefined) return notFound(c);
      c.header("cache-control", fresh);
      return c.json({ first, second, proof });
    });
}

/** A cached head would look like a log that has lost entries. */
const fresh = "no-cache";

function answer(c: Context, text: string | undefined, type: string) {
  if (text === undefined) return notFound(c);
  return c.body(text, 200, { "cache-control": fresh, "content-type": type });
}

function numberOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : NaN;
}
