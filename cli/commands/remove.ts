import type { Command } from "commander";
import { removePlugin } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

/** `keepfit remove PLUGIN`: remove a plugin from the lock file and the configuration. */
export function addRemove(program: Command, line: CommandLine): void {
  const command = program.command("remove")
    .description("Remove a plugin from keepfit.lock.json and keepfit.json.")
    .argument("<PLUGIN>", "Its id, or the reference it was added by.")
    .action(async (plugin: string) => {
      const removed = await removePlugin(plugin);
      line.tell({ removed }, removed.map((one) => `removed ${one}\n`).join(""));
    });
  addExamples(
    command,
    line,
    ["keepfit remove ada/loss-to-slack"],
    ["keepfit remove ./plugins/notes", "as it was added"],
  );
}
