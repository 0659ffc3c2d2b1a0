const slug = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/**
 * First segments of the hub's own URLs. No owner may have these names, because a plugin's files are
 * served below `/<owner>/`. New routes belong below `/api/v1/`, new pages below `/web/`, so that
 * this list does not grow.
 */
export const reservedOwners: ReadonlySet<string> = new Set([
  "api",
  "healthz",
  "publish",
  "runs",
  "schemas",
  "web",
]);

/**
 * Whether a text can be the name of an owner or a plugin: lowercase letters, digits, single dashes.
 */
export function isSlug(text: string): boolean {
  return slug.test(text);
}

/** Whether a text can be the id of a plugin, `owner/name`. */
export function isPluginId(text: string): boolean {
  const parts = text.split("/");
  return parts.length === 2 && parts.every(isSlug);
}
