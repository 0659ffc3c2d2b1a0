import { getRuntime } from "../../runtime/mod.ts";
import type { Runtime } from "../../runtime/types.ts";
import type { RuntimeReport } from "./report.ts";
import { findAbove } from "./check_source.ts";
import { runCommand } from "./run_command.ts";

/** The runtimes that a plugin may be on, as commands. */
export const runtimeNames: readonly Runtime["name"][] = ["deno", "bun", "node"];

/**
 * Let another runtime of this machine check a source, in a process of its own.
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
  const told = await runCommand(name, ["--version"]);
  // Deno answers for a node that is not there.
  const version = versionText[name].exec(told?.stdout ?? "")?.[1];
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
    const reason = ended?.stderr.trim() || line || `it ended with code ${ended?.code}`;
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
 * What starts this command on another runtime: published it is JavaScript, in the repository
 * TypeScript.
 *
 * @returns undefined where what it needs is not installed for that runtime
 */
async function startArguments(
  name: Runtime["name"],
  source: string,
): Promise<string[] | undefined> {
  const isSource = import.meta.url.endsWith(".ts");
  const place = (path: string): string =>
    decodeURIComponent(new URL(path, import.meta.url).pathname);
  const entry = isSource
    ? place("../keepfit.ts")
    : getRuntime().name === "deno"
    ? await findInstalled(source)
    : place("../keepfit.js");
  if (entry === undefined) return undefined;
  switch (name) {
    case "deno":
      return [
        ...["run", "--no-check", "--no-prompt", "-A"],
        // Not the plugin's deno.json: all that this command needs is in node_modules.
        ...isSource
          ? ["--config", place("../../deno.json")]
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
 * This command as Node and Bun have it beside a source, with esbuild; Deno needs no node_modules for
 * its own.
 */
async function findInstalled(source: string): Promise<string | undefined> {
  const { fs } = getRuntime();
  const entry = await findAbove(source, "node_modules/keepfit/cli/keepfit.js", fs);
  const bundler = await findAbove(source, "node_modules/esbuild/package.json", fs);
  const modules = (path: string | undefined): string | undefined =>
    path?.slice(0, path.lastIndexOf("node_modules/"));
  return modules(entry) === modules(bundler) ? entry : undefined;
}

/** The runtimes that are not the present one. */
export function otherRuntimes(): Runtime["name"][] {
  const { name } = getRuntime();
  return runtimeNames.filter((one) => one !== name);
}
