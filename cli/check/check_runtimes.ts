import { getRuntime } from "../../runtime/mod.ts";
import type { Runtime } from "../../runtime/types.ts";
import type { RuntimeReport } from "./report.ts";
import { findAbove } from "./check_source.ts";
import { runCommand } from "./run_command.ts";

/** Commands of the runtimes that a plugin may support. */
export const runtimeNames: readonly Runtime["name"][] = ["deno", "bun", "node"];

/**
 * Check a source on another runtime of this machine, in a separate process.
 *
 * @param source the folder
 * @param options of the callbacks
 */
export async function checkOn(
  name: Runtime["name"],
  source: string,
  options: Record<string, unknown>,
): Promise<RuntimeReport> {
  const skipped = (reason: string, version?: string): RuntimeReport => ({
    name,
    version,
    skipped: reason,
    tiers: [],
    problems: [],
    warnings: [],
  });
  const printed = await runCommand(name, ["--version"]);
  // Deno provides its own `node` if none is installed.
  const version = versionText[name].exec(printed?.stdout ?? "")?.[1];
  if (version === undefined) return skipped(`${name} is not on PATH`);
  const start = await startArguments(name, source);
  if (start === undefined) {
    const install = name === "bun" ? "bun install" : "npm install";
    return skipped(`keepfit is not installed for it: ${install}`, version);
  }
  const ended = await runCommand(name, [
    ...start,
    ...["check", source, "--here", "--json", "--", JSON.stringify(options)],
  ]);
  const line = ended?.stdout.trimEnd().split("\n").at(-1) ?? "";
  try {
    const { runtimes: [report] } = JSON.parse(line);
    return report;
  } catch {
    const reason = ended?.stderr.trim() || line || `it exited with code ${ended?.code}`;
    return {
      ...skipped("", version),
      skipped: undefined,
      problems: [`could not check: ${reason}`],
    };
  }
}

const versionText: Record<Runtime["name"], RegExp> = {
  deno: /^deno (\d+\S+)/,
  bun: /^(\d+\S+)/,
  node: /^v(\d+\S+)/,
};

/**
 * The file that starts this command on another runtime: JavaScript when published, TypeScript in
 * the repository.
 *
 * @returns undefined when its dependencies are not installed for that runtime
 */
async function startArguments(
  name: Runtime["name"],
  source: string,
): Promise<string[] | undefined> {
  const isSource = import.meta.url.endsWith(".ts");
  const pathOf = (path: string): string =>
    decodeURIComponent(new URL(path, import.meta.url).pathname);
  const entry = isSource
    ? pathOf("../keepfit.ts")
    : getRuntime().name === "deno"
    ? await findInstalled(source)
    : pathOf("../keepfit.js");
  if (entry === undefined) return undefined;
  switch (name) {
    case "deno":
      return [
        ...["run", "--no-check", "--no-prompt", "-A"],
        // Ignores the plugin's deno.json: this command finds its dependencies in node_modules.
        ...isSource
          ? ["--config", pathOf("../../deno.json")]
          : ["--no-config", "--node-modules-dir=manual"],
        entry,
      ];
    case "bun":
      return [entry];
    case "node":
      return isSource
        ? [
          "--import",
          new URL("../../node_modules/tsx/dist/loader.mjs", import.meta.url).href,
          entry,
        ]
        : [entry];
  }
}

/**
 * Find this command, with esbuild, in the node_modules of a source, for Node and Bun. Deno does not
 * need it.
 */
async function findInstalled(source: string): Promise<string | undefined> {
  const { fs } = getRuntime();
  const entry = await findAbove(source, "node_modules/keepfit/cli/keepfit.js", fs);
  const bundler = await findAbove(source, "node_modules/esbuild/package.json", fs);
  const modules = (path: string | undefined): string | undefined =>
    path?.slice(0, path.lastIndexOf("node_modules/"));
  return modules(entry) === modules(bundler) ? entry : undefined;
}

/** The runtimes other than the current one. */
export function otherRuntimes(): Runtime["name"][] {
  const { name } = getRuntime();
  return runtimeNames.filter((one) => one !== name);
}
