import type { MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import { ownersOf, type Tokens } from "./tokens.ts";

/**
 * Accept only requests with a token of the owner in the path, `:owner`.
 *
 * @throws HTTPException 401 for an unknown token, 403 for the token of another owner
 */
export function requireOwner(tokens: Tokens): MiddlewareHandler {
  return async (c, next) => {
    const owners = await ownersOf(tokens, c.req.header("authorization"));
    if (owners === undefined) {
      c.header("www-authenticate", "Bearer");
      throw new HTTPException(401, {
        message: Object.keys(tokens).length === 0
          ? "Cannot publish: this hub accepts no tokens (see its option tokens)"
          : "Cannot publish: expected Authorization: Bearer with a token of this hub",
      });
    }
    const owner = c.req.param("owner") as string;
    if (!owners.includes(owner)) {
      throw new HTTPException(403, {
        message: `Cannot publish for ${owner}: this token is for other owners`,
      });
    }
    await next();
  };
}
