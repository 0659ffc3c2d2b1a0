import type { Command } from "commander";
import { messageOf } from "../../core/errors.ts";
import { type PluginUpdate, updatePlugins } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { differenceText } from "../difference_text.ts";
import { addExamples } from "../help.ts";
import { minimumAgeOption } from "../plugin_options.ts";

interface UpdateOptions {
  dryRun?: true;
  registry?: string;
  minimumAge?: number;
  accept?: true;
}

/** `keepfit update [PLUGIN...]`: resolve each reference again and show what changes. */
export function addUpdate(program: Command, cli: CommandLine): void {
  const command = program.command("update")
    .usage("[PLUGIN...] [--dry-run] [--accept] [--registry URL]")
    .description("Resolve each reference again, pin the result and show what changes.")
    .argument("[PLUGIN...]", "Ids or references. Default: all.")
    .option("--dry-run", "Only show what would change.")
    .option("--registry <URL>", "Registry to ask. Default: that of keepfit.json.")
    .addOption(minimumAgeOption())
    .option("--accept", "Accept updates that need more trust than before.")
    .action(async (only: string[], { dryRun, registry, minimumAge, accept }: UpdateOptions) => {
      const updates = await updatePlugins({
        ...(only.length > 0 && { only }),
        dryRun,
        ...(registry && { registry }),
        minimumAge,
        accept,
      });
      cli.print(
        { updates: updates.map(withMessage) },
        updates.map((update) => textOf(update, dryRun === true)).join("") || "nothing is locked\n",
      );
      if (updates.some(({ status }) => status === "failed" || status === "refused")) cli.code = 1;
    });
  addExamples(
    command,
    cli,
    ["keepfit update", "all of them"],
    ["keepfit update ada/loss-to-slack --dry-run", "only show what would change"],
  );
}

function textOf(update: PluginUpdate, isTrial: boolean): string {
  const { status, id, before, after, outside, differences, error } = update;
  const lines = [`${id} ${before.version}: `];
  if (status === "updated") lines[0] += `${isTrial ? "would become" : "now"} ${after?.version}`;
  else if (status === "refused") {
    lines[0] += `${after?.version} needs more trust (--accept accepts it)`;
  } else if (status === "failed") lines[0] += `could not be fetched: ${messageOf(error)}`;
  else lines[0] += status === "pinned" ? "pinned by its reference" : "as before";
  if (outside !== undefined) lines[0] += `; ${outside} is out, outside ${rangeOf(update)}`;
  for (const difference of differences) {
    const mark = difference.weakens ? "! " : "";
    lines.push(...differenceText(difference).map((line) => `  ${mark}${line}`));
  }
  return `${lines.join("\n")}\n`;
}

function rangeOf({ reference }: PluginUpdate): string {
  return /@([^@]+)$/.exec(reference)?.[1] ?? "its range";
}

/** An entry for JSON, with the message instead of the error. */
export function withMessage(entry: { error?: unknown }): object {
  return entry.error === undefined ? entry : { ...entry, error: messageOf(entry.error) };
}
