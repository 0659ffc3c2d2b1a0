import type { Context, MiddlewareHandler, TypedResponse } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import * as v from "valibot";
import { PluginError } from "../plugins/errors.ts";

/** Cache-Control of files that change: index, meta and schemas. */
export const briefly = "public, max-age=60";

/** Respond with an error as JSON, `{ error, code? }`. */
export function answerError(error: unknown, c: Context): Response {
  if (error instanceof PluginError) {
    return c.json({ error: error.message, code: error.code }, 400);
  }
  if (error instanceof HTTPException) return c.json({ error: error.message }, error.status);
  console.error(error);
  const request = `${c.req.method} ${c.req.path}`;
  return c.json({ error: `Cannot answer ${request}: the hub failed; its log says why` }, 500);
}

/** Respond with 404. */
export function notFound(c: Context): Response & TypedResponse<{ error: string }, 404, "json"> {
  return c.json({ error: `Nothing is at ${c.req.path}` }, 404);
}

/**
 * Refuse bodies of more than `maxSize` bytes with 413.
 *
 * @param action requested action, for the message
 */
export function limitBody(maxSize: number, action: string): MiddlewareHandler {
  const limit = bodyLimit({
    maxSize,
    onError: (c) =>
      c.json({ error: `Cannot ${action}: expected at most ${maxSize} bytes, got more` }, 413),
  });
  // It throws only when it reads a body of unknown length: Hono catches errors of handlers.
  return (c, next) => limit(c, next).catch(throwCutOff);
}

/** A body that ends early is the client's failure: nothing is logged, and nobody reads this. */
function throwCutOff(cause: unknown): never {
  throw new HTTPException(400, { message: "Cannot read the request: its body ended early", cause });
}

/**
 * Read the text of a body as it arrives. `Request.text()` of Deno reserves the memory of the
 * announced length, even if the client never sends it.
 *
 * @throws HTTPException 400 for a body that ends early
 */
export async function readText(c: Context): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const bytes of c.req.raw.body ?? []) text += decoder.decode(bytes, { stream: true });
  } catch (error) {
    throwCutOff(error);
  }
  return text + decoder.decode();
}

/**
 * Parse the JSON of a body.
 *
 * @param action requested action, for the message
 * @param expected format of the body, for the message
 * @throws HTTPException 400 for another format
 */
export function parseBody<Output>(
  schema: v.GenericSchema<unknown, Output>,
  text: string,
  action: string,
  expected: string,
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
    message: `Cannot ${action}: expected a body ${expected}, got ${found}`,
  });
}
