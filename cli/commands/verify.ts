import type { Command } from "commander";
import { type VerifiedPlugin, verifyPlugins } from "../../plugins/mod.ts";
import { yankText } from "../../plugins/load/yanks.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

/** `keepfit verify`: rehash every file and compare it with the lock file. */
export function addVerify(program: Command, cli: CommandLine): void {
  const command = program.command("verify")
    .usage("[--offline]")
    .description(
      "Rehash every file of every plugin and compare it with keepfit.lock.json; ask its " +
        "registry whether the version has been yanked, and check its log.",
    )
    .option("--offline", "Do not use the network.")
    .action(async (options: { offline?: boolean }) => {
      const plugins = await verifyPlugins(options);
      const lines = [...plugins.map(textOf), noLogText(plugins)];
      cli.print({ plugins }, lines.join("") || "nothing is locked\n");
      if (plugins.some(({ problems }) => problems.length > 0)) cli.code = 1;
    });
  addExamples(command, cli, ["keepfit verify"]);
}

function textOf(
  { id, version, files, problems, yanked, registryError, log }: VerifiedPlugin,
): string {
  const lines = problems.length === 0
    ? [`${id} ${version}: ${files} ${files === 1 ? "file" : "files"} as locked`]
    : [`${id} ${version}:`, ...problems.map((problem) => `  ${problem}`)];
  if (yanked !== undefined) lines.push(`  ${yankText(yanked)}: keepfit update looks for another`);
  if (registryError !== undefined) {
    lines.push(`  unknown whether it is yanked, and what the log says: ${registryError}`);
  }
  if (log?.index !== undefined) lines.push(`  entry ${log.index + 1} of ${log.size} in the log`);
  return `${lines.join("\n")}\n`;
}

/** A note about plugins whose registries have no log to check. */
export function noLogText(
  plugins: readonly Pick<VerifiedPlugin, "id" | "log" | "version">[],
): string {
  const without = plugins.filter(({ log }) => log !== undefined && log.keyId === undefined);
  if (without.length === 0) return "";
  const names = without.map(({ id, version }) => `${id} ${version}`);
  return `their registry has no log to check: ${names.join(", ")}\n`;
}
