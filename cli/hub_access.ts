import { getRuntime } from "../runtime/mod.ts";

/** Options of a command that uses a hub. */
export interface GivenAccess {
  registry?: string;
  token?: string;
}

/**
 * The hub and the token of a command, from its options or `KEEPFIT_REGISTRY` and `KEEPFIT_TOKEN`.
 *
 * @param verb verb for the message
 * @throws TypeError when one of them is missing
 */
export function hubAccess(
  { registry, token }: GivenAccess,
  verb: string,
): { registry: string; token: string } {
  return {
    registry: registry ??
      named("KEEPFIT_REGISTRY", `Cannot ${verb} without a hub: pass --registry`),
    token: token ?? named("KEEPFIT_TOKEN", `Cannot ${verb} without a token: pass --token`),
  };
}

function named(variable: string, message: string): string {
  const value = getRuntime().env(variable);
  if (value) return value;
  throw new TypeError(`${message}, or set ${variable}`);
}
