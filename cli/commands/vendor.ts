import type { Command } from "commander";
import { vendorPlugins } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

/** `keepfit vendor`: copy the plugins into the project. */
export function addVendor(program: Command, cli: CommandLine): void {
  const command = program.command("vendor")
    .usage("[--out DIR]")
    .description("Copy every locked plugin into a folder and load it from there.")
    .option("--out <DIR>", "Target folder. Default: that of keepfit.json, or vendor.")
    .action(async ({ out }: { out?: string }) => {
      const plugins = await vendorPlugins({ directory: out });
      const lines = plugins.map(({ id, version, files, folder }) =>
        `${id} ${version}: ${files} files in ${folder}\n`
      );
      cli.print({ plugins }, lines.join("") || "nothing to copy\n");
    });
  addExamples(command, cli, ["keepfit vendor", "into the folder vendor"]);
}
