import type { Command } from "commander";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";
import { packPlugin } from "../pack.ts";

/** `keepfit pack SOURCE --out DIR`: publish into a folder that any static host can serve. */
export function addPack(program: Command, line: CommandLine): void {
  const command = program.command("pack")
    .usage("SOURCE --out DIR [--bundle] [--force]")
    .description(
      "Publish the plugin in SOURCE into the folder DIR, as the hub or any host serves it.",
    )
    .argument("<SOURCE>", "The folder that the plugin is written in.")
    .requiredOption("--out <DIR>", "The registry's folder; created if missing.")
    .option(
      "--bundle",
      "Make one JavaScript module of it (TypeScript, npm packages). Wants esbuild.",
    )
    .option("--force", "Replace a version that is there already.")
    .action(
      async (source: string, given: { out: string; bundle?: true; force?: true }) => {
        const packed = await packPlugin({ source, fs: line.fs, ...given });
        const { id, version, reference, files } = packed;
        line.tell(packed, `packed ${id} ${version}, ${files} files\n${reference}\n`);
      },
    );
  addExamples(command, line, ["keepfit pack notes --bundle --out public"]);
}
