/** The version of keepfit, checked against a manifest's `engines.core`. */
export const version = "0.1.0";

/**
 * The name of keepfit on npm; undefined before the first release.
 *
 * Everything that names keepfit for an installation reads this. Before a release, a package that
 * takes the name on a registry would be installed instead.
 */
export const published: string | undefined = undefined;
