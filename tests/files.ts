import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Path of the repository, with a trailing slash. */
export const root: string = fileURLToPath(new URL("..", import.meta.url));

/**
 * Sorted paths in the repository of all files that git does not ignore, such as `core/callback.ts`.
 */
export function listFiles(): string[] {
  const lines = readFileSync(`${root}.gitignore`, "utf8").trim().split("\n");
  const ignored = [".git", ...lines.map((line) => line.replace(/\/$/, ""))];
  // A line that begins with a slash is a path; any other is a name in every folder.
  const isIgnored = (folder: string, name: string) =>
    ignored.some((one) =>
      one.startsWith("*")
        ? name.endsWith(one.slice(1))
        : one === name || one === `/${folder}${name}`
    );
  const walk = (folder: string): string[] =>
    readdirSync(root + folder, { withFileTypes: true })
      .filter((entry) => !isIgnored(folder, entry.name))
      .flatMap((entry) =>
        entry.isDirectory() ? walk(`${folder}${entry.name}/`) : [folder + entry.name]
      );
  return walk("").sort();
}
