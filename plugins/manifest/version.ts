/** The version of keepfit, which a manifest's `engines.core` is held against. */
export const version = "0.1.0";

/**
 * The name under which npm has keepfit; undefined while it is on no registry.
 *
 * Whatever names keepfit for an installation reads this: until there is a release, whoever takes
 * the name on a registry would be installed in its place.
 */
export const published: string | undefined = undefined;
