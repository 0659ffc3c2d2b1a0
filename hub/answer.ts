import type { Context, MiddlewareHandler, TypedResponse } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import * as v from "valibot";
import { PluginError } from "../plugins/errors.ts";

/** How long a client may keep what changes: index, meta and schemas. */
export const briefly = "public, max-age=60";

/** Answer with the JSON of an error, `{ error, code? }`. */
export function answerError(error: unknown, c: Context): Response {
  if (error instanceof PluginError) {
    return c.json({ error: error.message, code: error.code }, 400);
  }
  if (error instanceof HTTPException) return c.json({ error: error.message }, error.status);
  console.error(error);
  const request = `${c.req.method} ${c.req.path}`;
  return c.json({ error: `Cannot answer ${request}: the hub failed; its log says why` }, 500);
}

/** Answer 404. */
export function notFound(c: Context): Response & TypedResponse<{ error: string }, 404, "json"> {
  return c.json({ error: `Nothing is at ${c.req.path}` }, 404);
}

/**
 * Refuse bodies of more than `maxSize` bytes with 413.
 *
 * @param action what the request wants, for the message
 */
export function limitBody(maxSize: number, action: string): MiddlewareHandler {
  return bodyLimit({
    maxSize,
    onError: (c) =>
      c.json({ error: `Cannot ${action}: expected at most ${maxSize} bytes, got more` }, 413),
  });
}

/**
 * The text of a body, read as it arrives: `Request.text()` of Deno reserves all that a client
 * announces, also for one that never sends it.
 */
export async function readText(c: Context): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of c.req.raw.body ?? []) text += decoder.decode(bytes, { stream: true });
  return text + decoder.decode();
}

/**
 * Parse the JSON of a body.
 *
 * @param action what the request wants, for the message
 * @param wanted the form of the body, for the message
 * @throws HTTPException 400 for another form
 */
export function parseBody<Output>(
  schema: v.GenericSchema<unknown, Output>,
  text: string,
  action: string,
  wanted: string,
): Output {
  let data: unknown = text;
  let found: string | undefined;
  try {
    data = JSON.parse(text);
  } catch {
    found = "text that is not JSON";
  }
  const result = v.safeParse(schema, data);
  if (found === undefined && result.success) return result.output;
  if (found === undefined && !result.success) {
    const [issue] = result.issues;
    const path = v.getDotPath(issue)?.slice(0, 80);
    found = path === undefined ? issue.received : `${path}: ${issue.received.slice(0, 80)}`;
  }
  throw new HTTPException(400, {
    message: `Cannot ${action}: expected a body ${wanted}, got ${found}`,
  });
}
