import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { validator } from "hono/validator";
import * as v from "valibot";
import { limitBody, notFound, readText } from "../answer.ts";
import type { RunStore } from "../stores/types.ts";
import { parseEpoch } from "./protocol.ts";

/** Reported runs: the list, and a single run. */
export function runRoutes(runs: RunStore) {
  return new Hono({ strict: false })
    .get("/", async (c) => c.json({ runs: await runs.list() }))
    .get("/:id", async (c) => {
      const run = await runs.get(c.req.param("id"));
      return run === undefined ? notFound(c) : c.json(run);
    });
}

/** Reports of epochs, as `RemoteMonitor` and Keras's callback of that name post them. */
export function reportRoutes(runs: RunStore) {
  return new Hono({ strict: false }).post(
    "/epoch/end",
    limitBody(64 * 1024, "add this epoch"),
    refuseOtherOrigins,
    validator("query", ({ run }) => {
      const result = v.safeParse(runName, run);
      if (result.success) return { run: result.output };
      throw new HTTPException(400, {
        message: "Cannot add this epoch: run must be 1 to 64 of A-Z a-z 0-9 . _ -, and not . or ..",
      });
    }),
    async (c) => {
      const epoch = parseEpoch(await readLogs(c));
      return c.json({ run: await runs.add(epoch, c.req.valid("query").run) });
    },
  );
}

// URLs drop the parts . and .., so such a run would have no address.
const runName = v.optional(v.pipe(v.string(), v.regex(/^(?!\.{1,2}$)[\w.-]{1,64}$/)));

async function refuseOtherOrigins(c: Context, next: () => Promise<void>): Promise<void> {
  const origin = c.req.header("origin");
  if (origin !== undefined && origin !== new URL(c.req.url).origin) {
    throw new HTTPException(403, {
      message: `Cannot add this epoch: expected a page of this hub, got one of ${origin}`,
    });
  }
  await next();
}

/** Text of the logs, which a form has in its field `data`. */
async function readLogs(c: Context): Promise<string> {
  const type = c.req.header("content-type") ?? "";
  if (!/^(application\/x-www-form-urlencoded|multipart\/form-data)\b/i.test(type)) {
    return await readText(c);
  }
  const { data } = await c.req.parseBody().catch(() => ({ data: undefined }));
  if (typeof data === "string") return data;
  throw new HTTPException(400, { message: "Cannot add this epoch: the form has no field data" });
}
