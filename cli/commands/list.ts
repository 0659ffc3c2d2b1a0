import type { Command } from "commander";
import { yankText } from "../../plugins/load/yanks.ts";
import { listPlugins } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

/** `keepfit list`: the plugins of the lock file and the configuration; needs no network. */
export function addList(program: Command, cli: CommandLine): void {
  const command = program.command("list")
    .description("List the plugins of keepfit.lock.json and keepfit.json, without network access.")
    .action(async () => {
      const plugins = await listPlugins();
      const lines = plugins.map(({ reference, locked, configured, yanked }) => {
        const what = locked === undefined ? "not locked" : `${locked.id} ${locked.version}`;
        const where = locked?.tier === undefined ? "" : `  ${locked.tier}`;
        const standing = yanked === undefined ? "" : `  ${yankText(yanked)}`;
        const missing = configured > 0 ? "" : "  not in keepfit.json";
        return `${what}${where}${standing}${missing}\n  ${reference}\n`;
      });
      cli.print({ plugins }, lines.join("") || "no plugins\n");
    });
  addExamples(command, cli, ["keepfit list"]);
}
