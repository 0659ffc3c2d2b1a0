import type { Path } from "../runtime/types.ts";

/** The path of a file in a folder. */
export function pathIn(folder: Path, name: string): Path {
  if (typeof folder === "string") return folder.endsWith("/") ? folder + name : `${folder}/${name}`;
  return new URL(encodeURIComponent(name), folder.href.replace(/\/?$/, "/"));
}
