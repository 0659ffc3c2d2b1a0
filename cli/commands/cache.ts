import type { Command } from "commander";
import { cleanCache } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";

/** `keepfit cache clean`. */
export function addCache(program: Command, line: CommandLine): void {
  const cache = program.command("cache").description("What was fetched, and is kept.");
  cache.command("clean")
    .description("Remove it; plugins are fetched anew.")
    .action(async () => {
      const bytes = await cleanCache();
      line.tell({ bytes }, `freed ${bytes} bytes\n`);
    });
}
