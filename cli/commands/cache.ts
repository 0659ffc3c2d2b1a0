import type { Command } from "commander";
import { cleanCache } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

/** `keepfit cache clean`. */
export function addCache(program: Command, line: CommandLine): void {
  const cache = program.command("cache").description("What was fetched, and is kept.");
  const command = cache.command("clean")
    .description("Remove it; plugins are fetched anew.")
    .action(async () => {
      const bytes = await cleanCache();
      line.tell({ bytes }, `freed ${bytes} bytes\n`);
    });
  for (const one of [cache, command]) addExamples(one, line, ["keepfit cache clean"]);
}
