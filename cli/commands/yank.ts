import { type Command, Option } from "commander";
import { yankPlugin } from "../../plugins/sources/publish.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";
import { hubAccess, type HubAccessOptions, tokenFileOption, tokenOption } from "../hub_access.ts";

interface YankOptions extends HubAccessOptions {
  reason?: string;
  undo?: boolean;
}

/** `keepfit yank PLUGIN@VERSION --registry URL`: prevent ranges from resolving to a version. */
export function addYank(program: Command, cli: CommandLine): void {
  const command = program.command("yank")
    .usage("PLUGIN@VERSION --registry URL [--reason TEXT] [--undo]")
    .description(
      "Yank a version on a hub: ranges skip it, projects that have it locked keep it.",
    )
    .argument("<PLUGIN@VERSION>", "Plugin and version, such as ada/loss-to-slack@0.2.0.")
    .option("--registry <URL>", "The hub. Default: KEEPFIT_REGISTRY.")
    .addOption(tokenOption())
    .addOption(tokenFileOption())
    .addOption(
      new Option("--reason <TEXT>", "Reason shown to users of the version, one line.").conflicts(
        "undo",
      ),
    )
    .option("--undo", "Make it available again.")
    .action(async (plugin: string, { undo = false, reason, ...access }: YankOptions) => {
      const [, id, version] = /^([^/@]+\/[^/@]+)@([^/@]+)$/.exec(plugin) ?? [];
      if (id === undefined) {
        throw new TypeError(
          `Cannot yank '${plugin}': expected OWNER/NAME@VERSION, such as ada/loss-to-slack@0.2.0`,
        );
      }
      const yanked = await yankPlugin(await hubAccess(access, "yank", cli.fs), id, version, {
        undo,
        reason,
      });
      cli.print(
        { id, version, yanked },
        `${undo ? "no longer yanked" : "yanked"}: ${id} ${version}\n`,
      );
    });
  addExamples(
    command,
    cli,
    ["keepfit yank ada/notes@0.2.0 --registry https://hub.example"],
    [
      "keepfit yank ada/notes@0.2.0 --registry https://hub.example --undo",
      "make it available again",
    ],
  );
}
