import type { Command } from "commander";
import { explainPlugin, explainText, listPlugins, type PluginTier } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";
import { inShell } from "../shell_words.ts";
import { type AllowedKinds, collectAllowed, parseOptions, tierOption } from "../plugin_options.ts";

interface ExplainOptions {
  tier?: PluginTier;
  allow?: AllowedKinds;
  options?: Record<string, unknown>;
  callback?: string;
  registry?: string;
}

/** `keepfit explain REFERENCE`: what a plugin may do, and what is enforced here. */
export function addExplain(program: Command, cli: CommandLine): void {
  const command = program.command("explain")
    .usage("REFERENCE [--tier TIER]")
    .description("Show what a plugin may do and what this runtime enforces.")
    .argument(
      "<REFERENCE>",
      "Path or URL of a manifest or its folder, registry:owner/name@^1, npm:name, or a locked id.",
    )
    .addOption(tierOption())
    .option("--allow <KIND=VALUES>", "A permission, as for add.", collectAllowed)
    .option("--options <JSON>", "Options of the callback, as JSON, to be checked.", parseOptions)
    .option("--callback <NAME>", "Name of the callback that the options are for.")
    .option("--registry <URL>", "Registry of registry: references.")
    .action(async (reference: string, options: ExplainOptions) => {
      const { problems, ...rest } = await explainPlugin(await referenceOf(reference), options);
      const explained = { ...rest, problems: problems.map((one) => inShell(one)) };
      const { columns, hasColors: colors } = cli;
      cli.print(explained, explainText(explained, { columns, colors }));
    });
  addExamples(
    command,
    cli,
    ["keepfit explain registry:ada/loss-to-slack@^1"],
    ["keepfit explain ./plugins/notes --tier sandboxed", "as it would run in the sandbox"],
  );
}

/** The reference by which a locked id was added. */
async function referenceOf(typed: string): Promise<string> {
  if (!/^[a-z\d-]+\/[a-z\d-]+$/.test(typed)) return typed;
  const plugins = await listPlugins();
  return plugins.find(({ locked }) => locked?.id === typed)?.absolute ?? typed;
}
