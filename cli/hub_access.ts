import { getRuntime } from "../runtime/mod.ts";

/** How a command reaches a hub, as it stands on the command line. */
export interface GivenAccess {
  registry?: string;
  token?: string;
}

/**
 * The hub and the token of a command: as given, else as `KEEPFIT_REGISTRY` and `KEEPFIT_TOKEN` say.
 *
 * @param verb what the command does, for the message
 * @throws TypeError when one of them is missing
 */
export function hubAccess(
  { registry, token }: GivenAccess,
  verb: string,
): { registry: string; token: string } {
  return {
    registry: registry ??
      named("KEEPFIT_REGISTRY", `Cannot ${verb}: no hub is named; pass --registry`),
    token: token ?? named("KEEPFIT_TOKEN", `Cannot ${verb} without a token: pass --token`),
  };
}

function named(variable: string, message: string): string {
  const value = getRuntime().env(variable);
  if (value) return value;
  throw new TypeError(`${message}, or set ${variable}`);
}
