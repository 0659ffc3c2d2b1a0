import { parseModule } from "../../plugins/modules/parse_module.ts";
import { directoryOf, exists, joinPath } from "../../runtime/mod.ts";
import type { FileSystem } from "../../runtime/types.ts";
import type { PackedSource } from "../../testing/pack_source.ts";
import type { TypesReport } from "./report.ts";
import { runCommand } from "./run_command.ts";

/** Modules that a plugin imports from elsewhere: its peers, if it could be packed. */
export async function importsOf({ manifest, contents }: PackedSource): Promise<string[]> {
  const found = new Set<string>();
  for (const path of Object.keys(manifest.files).filter((one) => /\.m?js$/.test(one))) {
    const text = new TextDecoder().decode(contents.get(path));
    for (const { specifier } of parseModule(text, path).requests) {
      if (!/^\.{0,2}\//.test(specifier)) found.add(specifier);
    }
  }
  return [...found].sort();
}

/**
 * Check the types of a TypeScript source with its own tsc, or with deno if that is not installed.
 *
 * @param module path of the entry in the source
 */
export async function checkTypes(
  source: string,
  module: string,
  fs: FileSystem,
): Promise<TypesReport> {
  const script = await findAbove(source, "node_modules/typescript/bin/tsc", fs);
  const config = joinPath(source, "tsconfig.json");
  if (script !== undefined && await exists(config, { fs })) {
    for (const runtime of ["node", "bun"]) {
      const ended = await runCommand(runtime, [
        script,
        "--noEmit",
        "--pretty",
        "false",
        "-p",
        config,
      ]);
      // Deno provides its own `node` if none is installed, but that does not find this script.
      if (ended === undefined) continue;
      return {
        checker: "tsc",
        problems: ended.code === 0 ? [] : linesOf(ended.stdout + ended.stderr),
      };
    }
  }
  const ended = await runCommand("deno", ["check", "--quiet", joinPath(source, module)]);
  if (ended === undefined) return { checker: undefined, problems: [] };
  return { checker: "deno check", problems: ended.code === 0 ? [] : linesOf(ended.stderr) };
}

/** Find a file in this folder or its nearest parent. */
export async function findAbove(
  folder: string,
  path: string,
  fs: FileSystem,
): Promise<string | undefined> {
  for (let at = folder, up = 0; up < 32; up++) {
    const fullPath = joinPath(at, path);
    if (await exists(fullPath, { isFile: true, fs })) return fullPath;
    const isNamed = at.startsWith("/") || /^[A-Za-z]:/.test(at);
    const above = isNamed ? directoryOf(at) : joinPath(at, "..");
    if (above === at) return undefined;
    at = above;
  }
  return undefined;
}

function linesOf(text: string): string[] {
  const plain = text.replaceAll(color, "").trim();
  const lines = plain.split("\n").filter((line) => line.trim() !== "");
  const errors = lines.filter((line) => /error|TS\d+/i.test(line));
  return errors.length > 0 ? errors : [plain || "the types could not be checked"];
}

const escape = String.fromCharCode(27);
const color = new RegExp(`${escape}\\[[\\d;]*m`, "g");
