import type { Command } from "commander";
import { removePlugin } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

/** `keepfit remove PLUGIN`: remove a plugin from the lock file and the configuration. */
export function addRemove(program: Command, cli: CommandLine): void {
  const command = program.command("remove")
    .description("Remove a plugin from keepfit.lock.json and keepfit.json.")
    .argument("<PLUGIN>", "Its id, or the reference it was added by.")
    .action(async (plugin: string) => {
      const removed = await removePlugin(plugin);
      cli.print({ removed }, removed.map((one) => `removed ${one}\n`).join(""));
    });
  addExamples(
    command,
    cli,
    ["keepfit remove ada/loss-to-slack"],
    ["keepfit remove ./plugins/notes", "as it was added"],
  );
}
