import { getRuntime } from "../runtime/mod.ts";

/**
 * What a hub knows its user by: the token given, else KEEPFIT_TOKEN.
 *
 * @throws TypeError when there is neither
 */
export function hubToken(given: string | undefined, verb: string): string {
  const token = given ?? getRuntime().env("KEEPFIT_TOKEN");
  if (token !== undefined) return token;
  throw new TypeError(`Cannot ${verb} without a token: pass --token, or set KEEPFIT_TOKEN`);
}
