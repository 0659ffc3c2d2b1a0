import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The repository, with a slash at the end. */
export const root: string = fileURLToPath(new URL("..", import.meta.url));

/** The files that git would keep, sorted, as paths from the repository: `core/callback.ts`. */
export function listFiles(): string[] {
  const lines = readFileSync(`${root}.gitignore`, "utf8").trim().split("\n");
  const ignored = [".git", ...lines.map((line) => line.replace(/\/$/, ""))];
  // A line that begins with a slash is a path, another one a name in any folder.
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
