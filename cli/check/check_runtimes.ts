import { getRuntime } from "../../runtime/mod.ts";
import type { Runtime } from "../../runtime/types.ts";
import type { RuntimeReport } from "./report.ts";
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
  const ended = await runCommand(name, [
    ...startArguments(name),
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

/** What starts this command on a runtime: published it is JavaScript, in the repository TypeScript. */
function startArguments(name: Runtime["name"]): string[] {
  const isSource = import.meta.url.endsWith(".ts");
  const place = (path: string): string =>
    decodeURIComponent(new URL(path, import.meta.url).pathname);
  const entry = place(isSource ? "../keepfit.ts" : "../keepfit.js");
  switch (name) {
    case "deno":
      return [
        ...["run", "--no-check", "--no-prompt", "-A"],
        ...isSource ? ["--config", place("../../deno.json")] : [],
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

/** The runtimes that are not the present one. */
export function otherRuntimes(): Runtime["name"][] {
  const { name } = getRuntime();
  return runtimeNames.filter((one) => one !== name);
}
