import type { Path } from "../runtime/types.ts";

/** The file of this name in a folder. */
export function placeIn(folder: Path, name: string): Path {
  if (typeof folder === "string") return folder.endsWith("/") ? folder + name : `${folder}/${name}`;
  return new URL(encodeURIComponent(name), folder.href.replace(/\/?$/, "/"));
}
