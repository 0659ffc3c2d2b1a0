import type { Command } from "commander";
import { explainPlugin, explainText, type PluginTier } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { type AllowedKinds, collectAllowed, parseOptions, tierOption } from "../plugin_options.ts";

interface Given {
  tier?: PluginTier;
  allow?: AllowedKinds;
  options?: Record<string, unknown>;
  registry?: string;
}

/** `keepfit explain REFERENCE`: what a plugin may do, and what is really enforced here. */
export function addExplain(program: Command, line: CommandLine): void {
  program.command("explain")
    .usage("REFERENCE [--tier TIER]")
    .description("Tell what a plugin may do, and what is really enforced on this runtime.")
    .argument("<REFERENCE>", "A manifest's URL or path, registry:owner/name@^1, or npm:name.")
    .addOption(tierOption())
    .option("--allow <KIND=VALUES>", "As add has it.", collectAllowed)
    .option("--options <JSON>", "What the callback is told.", parseOptions)
    .option("--registry <URL>", "The registry of registry: references.")
    .action(async (reference: string, given: Given) => {
      const explained = await explainPlugin(reference, given);
      line.tell(explained, explainText(explained));
    });
}
