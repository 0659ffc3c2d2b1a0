import type { Command } from "commander";
import { cleanCache } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

/** `keepfit cache clean`. */
export function addCache(program: Command, cli: CommandLine): void {
  const cache = program.command("cache").description("The cache of fetched files.");
  const command = cache.command("clean")
    .description("Remove the cached files; plugins are then refetched.")
    .action(async () => {
      const bytes = await cleanCache();
      cli.print({ bytes }, `removed ${bytes} bytes\n`);
    });
  for (const one of [cache, command]) addExamples(one, cli, ["keepfit cache clean"]);
}
