import type { Command } from "commander";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";
import { packPlugin } from "../pack.ts";

/** `keepfit pack SOURCE --out DIR`: publish to a folder that any static host can serve. */
export function addPack(program: Command, cli: CommandLine): void {
  const command = program.command("pack")
    .usage("SOURCE --out DIR [--bundle] [--force]")
    .description(
      "Publish the plugin in SOURCE to the folder DIR, for the hub or any static host.",
    )
    .argument("<SOURCE>", "Source folder of the plugin.")
    .requiredOption("--out <DIR>", "Folder of the registry; created if missing.")
    .option(
      "--bundle",
      "Bundle it into one JavaScript module (TypeScript, npm packages). Requires esbuild.",
    )
    .option("--force", "Replace an existing version.")
    .action(
      async (source: string, options: { out: string; bundle?: true; force?: true }) => {
        const packed = await packPlugin({ source, fs: cli.fs, ...options });
        const { id, version, reference, files, isUnlogged } = packed;
        const unlogged = isUnlogged
          ? `${options.out} has the log of a hub, which does not have this version yet: start the ` +
            "hub again before others add it\n"
          : "";
        cli.print(packed, `packed ${id} ${version}, ${files} files\n${reference}\n${unlogged}`);
      },
    );
  addExamples(command, cli, ["keepfit pack notes --bundle --out public"]);
}
