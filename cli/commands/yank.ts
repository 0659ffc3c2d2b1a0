import type { Command } from "commander";
import { yankPlugin } from "../../plugins/publish.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";
import { hubToken } from "../hub_token.ts";

interface Given {
  registry: string;
  token?: string;
  undo?: boolean;
}

/** `keepfit yank PLUGIN@VERSION --registry URL`: withdraw what was published. */
export function addYank(program: Command, line: CommandLine): void {
  const command = program.command("yank")
    .usage("PLUGIN@VERSION --registry URL [--undo]")
    .description(
      "Withdraw a version from a hub: ranges pass it over, who has it locked keeps it.",
    )
    .argument("<PLUGIN@VERSION>", "Which one, such as ada/loss-to-slack@0.2.0.")
    .requiredOption("--registry <URL>", "The hub.")
    .option("--token <TOKEN>", "What the hub knows you by. Default: KEEPFIT_TOKEN.")
    .option("--undo", "Take it back.")
    .action(async (plugin: string, { registry, undo = false, ...given }: Given) => {
      const [, id, version] = /^([^/@]+\/[^/@]+)@([^/@]+)$/.exec(plugin) ?? [];
      if (id === undefined) {
        throw new TypeError(
          `Cannot yank '${plugin}': name it OWNER/NAME@VERSION, such as ada/loss-to-slack@0.2.0`,
        );
      }
      const token = hubToken(given.token, "yank");
      const yanked = await yankPlugin({ registry, token }, id, version, !undo);
      line.tell(
        { id, version, yanked },
        `${undo ? "no longer withdrawn" : "withdrawn"}: ${id} ${version}\n`,
      );
    });
  addExamples(
    command,
    line,
    ["keepfit yank ada/notes@0.2.0 --registry https://hub.example"],
    [
      "keepfit yank ada/notes@0.2.0 --registry https://hub.example --undo",
      "make it available again",
    ],
  );
}
