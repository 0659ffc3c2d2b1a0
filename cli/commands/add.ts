import type { Command } from "commander";
import {
  addPlugin,
  explainPlugin,
  explainText,
  type PluginExplanation,
  type PluginTier,
} from "../../plugins/mod.ts";
import { wrap } from "../../plugins/manage/wrap_text.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";
import {
  type AllowedKinds,
  collectAllowed,
  minimumAgeOption,
  parseOptions,
  tierOption,
} from "../plugin_options.ts";

interface AddOptions {
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

/** `keepfit add REFERENCE`: pin a plugin after explicit consent. */
export function addAdd(program: Command, cli: CommandLine): void {
  const command = program.command("add")
    .usage("REFERENCE [--options JSON] [--allow KIND=VALUES] [--yes]")
    .description("Show what a plugin may do and, with your consent, pin it in keepfit.lock.json.")
    .argument(
      "<REFERENCE>",
      "Path or URL of a manifest or its folder, registry:owner/name@^1, or npm:name.",
    )
    .addOption(tierOption())
    .option(
      "--allow <KIND=VALUES>",
      "Grant a permission: net=a.example,b.example, or net for all that is declared. Repeatable.",
      collectAllowed,
    )
    .option("--options <JSON>", "Options of the callback, as JSON.", parseOptions)
    .option("--output-dir <DIR>", "Folder it may write to.")
    .option("--callback <NAME>", "Name of one of its callbacks.")
    .option(
      "--registry <URL>",
      "Registry of registry: references, to be saved in keepfit.json.",
    )
    .addOption(minimumAgeOption())
    .option("--accept", "Agree to more trust than the lock file records.")
    .option("--yes", "Do not ask; then --allow and --output-dir grant its permissions.")
    .action(async (reference: string, { yes, accept, ...options }: AddOptions) => {
      // Missing options are reported now instead of in the next training.
      const explained = await explainPlugin(reference, {
        ...options,
        options: options.options ?? {},
      });
      const { id, version, integrity } = explained;
      const { columns, hasColors: colors } = cli;
      // The error lists them.
      const shown = { ...explained, problems: [] };
      cli.note(`${explainText(shown, { columns, colors, isShort: true })}\n`);
      const isAsked = yes === undefined;
      const addOptions = {
        ...options,
        allow: allowedBy(explained, options.allow, isAsked),
        accept,
        // Pin what was shown, even if the host has changed it since.
        integrity,
      };
      if (isAsked) {
        // Not asked if a yes would change nothing: the error says what is missing.
        await addPlugin(reference, { ...addOptions, dryRun: true });
        cli.note(agreementText(explained, columns));
      }
      if (!isAsked || cli.confirm(`Add ${id} ${version}? [y/N] `)) {
        const added = await addPlugin(reference, addOptions);
        return cli.print({ added: true, plugin: added }, cli.fit(addedText(added)));
      }
      cli.code = 1;
      cli.print({ added: false, plugin: explained }, "Nothing was added.\n");
    });
  addExamples(
    command,
    cli,
    ["keepfit add registry:ada/loss-to-slack@^1", "from a registry"],
    ["keepfit add ./plugins/notes --output-dir runs", "from a folder; it may write into runs"],
    [
      `keepfit add npm:loss-to-slack --options '{"url":"https://a.example/x"}' --allow net=a.example --yes`,
      "without a question",
    ],
  );
}

/**
 * Permissions from the flags, the lock file and, after a question, everything that the plugin
 * requires.
 */
function allowedBy(
  { permissions }: PluginExplanation,
  given: AllowedKinds = {},
  isAsked: boolean,
): AllowedKinds | undefined {
  const allowed = { ...given };
  for (const { kind, allow, isOptional, isGranted } of permissions) {
    const values = allowed[kind];
    if (kind === "write" || values === true || !(isGranted || (isAsked && !isOptional))) continue;
    allowed[kind] = [...new Set([...values ?? [], ...allow])];
  }
  return Object.keys(allowed).length === 0 ? undefined : allowed;
}

/** What the user agrees to by answering yes. */
function agreementText(
  { permissions, files, tier, isLocked }: PluginExplanation,
  columns: number,
): string {
  const pins = files.length === 1
    ? "its file as it is now"
    : `its ${files.length} files as they are now`;
  const touched = permissions.filter(({ isOptional, isGranted }) => !isOptional || isGranted)
    .map(({ kind, value, allow }) => `${kind} ${allow.join(", ") || value}`);
  const optional = permissions.filter(({ isOptional, isGranted }) => isOptional && !isGranted)
    .map(({ kind, value, allow }) => `${kind} ${allow.join(", ") || value} (--allow ${kind})`);
  const lines = [
    ...wrap("y agrees that", "", columns),
    ...wrap(
      `keepfit.lock.json ${isLocked ? "then pins" : "pins"} ${pins}, and ` +
        `keepfit.json lists it`,
      "  - ",
      columns,
    ),
    ...wrap(
      `its code runs ${tier}${tier === "trusted" ? ", with all your rights" : ""}`,
      "  - ",
      columns,
    ),
    ...wrap(
      `it may access ${touched.join("; ") || "nothing outside the training"}`,
      "  - ",
      columns,
    ),
    ...(optional.length === 0 ? [] : wrap(`but not ${optional.join("; ")}`, "  - ", columns)),
  ];
  return `${lines.join("\n")}\n`;
}

function addedText({ id, version }: PluginExplanation): string {
  return `added ${id} ${version}
Next: load the plugins of keepfit.json in your training:
  await fit(model, x, y, { callbacks: "keepfit.json" })
`;
}
