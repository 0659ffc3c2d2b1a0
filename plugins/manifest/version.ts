// Checked against a manifest's `engines.core`.
export { version } from "../../core/version.ts";

/**
 * The name of keepfit on npm; undefined before the first release.
 *
 * Everything that names keepfit for an installation reads this. Before a release, a package that
 * takes the name on a registry would be installed instead.
 */
export const published: string | undefined = undefined;
