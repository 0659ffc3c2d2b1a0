import type { Command } from "commander";
import { messageOf } from "../../core/errors.ts";
import { type OutdatedPlugin, outdatedPlugins } from "../../plugins/mod.ts";
import { yankText } from "../../plugins/load/yanks.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";
import { minimumAgeOption } from "../plugin_options.ts";
import { withMessage } from "./update.ts";

/** `keepfit outdated`: compare locked plugins with their registries. */
export function addOutdated(program: Command, cli: CommandLine): void {
  const command = program.command("outdated")
    .usage("[--registry URL]")
    .description(
      "List locked plugins with newer versions or yanked ones. Exits with 1 if there are any.",
    )
    .option("--registry <URL>", "Registry to ask. Default: that of keepfit.json.")
    .addOption(minimumAgeOption())
    .action(async (options: { registry?: string; minimumAge?: number }) => {
      const plugins = await outdatedPlugins(options);
      const shown = plugins.filter(({ isOutdated, error }) => isOutdated || error !== undefined);
      cli.print(
        { plugins: plugins.map(withMessage) },
        shown.length === 0 ? "everything is up to date\n" : tableOf(shown),
      );
      if (shown.length > 0) cli.code = 1;
    });
  addExamples(command, cli, ["keepfit outdated"]);
}

function tableOf(plugins: readonly OutdatedPlugin[]): string {
  const rows = [
    ["Plugin", "Locked", "Wanted", "Latest"],
    ...plugins.map(({ id, locked, wanted = "none", latest = "none", error }) =>
      error === undefined ? [id, locked, wanted, latest] : [id, locked, "?", "?"]
    ),
  ];
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const [head, ...lines] = rows.map((row) =>
    `${row.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd()}\n`
  );
  return head + plugins.map(({ locked, yanked, error }, i) => {
    const notes = yanked === undefined ? "" : `  ${locked} is ${yankText(yanked)}\n`;
    return lines[i] + notes + (error === undefined ? "" : `  ${messageOf(error)}\n`);
  }).join("");
}
