import type { Path } from "../runtime/types.ts";
import type { OptionRule } from "./options.ts";

/** A path that is not empty, or a URL. */
export const place: OptionRule = {
  types: ["string", "object"],
  wanted: "a path or a file: URL",
  holds: (path: Path) => path instanceof URL || (typeof path === "string" && path !== ""),
};

/** The directory that a file or directory of this path lies in. */
export function parentOf(path: Path): Path {
  if (path instanceof URL) return new URL(path.pathname.endsWith("/") ? ".." : ".", path);
  const [, parent] = /^(.*[/\\])?[^/\\]+[/\\]*$/s.exec(path) ?? [];
  return parent ?? ".";
}
