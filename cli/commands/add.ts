import type { Command } from "commander";
import { addPlugin, explainPlugin, explainText, type PluginTier } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import {
  type AllowedKinds,
  collectAllowed,
  minimumAgeOption,
  parseOptions,
  tierOption,
} from "../plugin_options.ts";

interface Given {
  tier?: PluginTier;
  allow?: AllowedKinds;
  options?: Record<string, unknown>;
  outputDir?: string;
  callback?: string;
  registry?: string;
  minimumAge?: number;
  accept?: true;
  yes?: true;
}

/** `keepfit add REFERENCE`: the one explicit yes, which pins a plugin. */
export function addAdd(program: Command, line: CommandLine): void {
  program.command("add")
    .usage("REFERENCE [--tier TIER] [--allow KIND=VALUES] [--yes]")
    .description("Show what a plugin may do and, if you agree, pin it in keepfit.lock.json.")
    .argument("<REFERENCE>", "A manifest's URL or path, registry:owner/name@^1, or npm:name.")
    .addOption(tierOption())
    .option(
      "--allow <KIND=VALUES>",
      "Agree to a permission: net=a.example,b.example, or net for all it declares. Again for more.",
      collectAllowed,
    )
    .option("--options <JSON>", "What the callback is told.", parseOptions)
    .option("--output-dir <DIR>", "Where it may write.")
    .option("--callback <NAME>", "Which of its callbacks.")
    .option(
      "--registry <URL>",
      "The registry of registry: references, which keepfit.json remembers.",
    )
    .addOption(minimumAgeOption())
    .option("--accept", "Agree to trust it further than the lock file does.")
    .option("--yes", "Do not ask.")
    .action(async (reference: string, { yes, accept, ...given }: Given) => {
      const explained = await explainPlugin(reference, given);
      line.note(`${explainText(explained)}\n`);
      if (yes === undefined && !line.agrees(`Add ${explained.id} ${explained.version}? [y/N] `)) {
        line.code = 1;
        return line.tell({ added: false, plugin: explained }, "nothing was added\n");
      }
      // What was shown, and not what its host says by now.
      const { integrity } = explained;
      const added = await addPlugin(reference, { ...given, accept, integrity });
      line.tell({ added: true, plugin: added }, `added ${added.id} ${added.version}\n`);
    });
}
