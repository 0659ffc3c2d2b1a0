import { type Command, InvalidArgumentError } from "commander";
import { pluginControls, pluginHooks } from "../../plugins/manifest/format.ts";
import { directoryOf, exists, joinPath } from "../../runtime/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";
import { findKeepfit } from "../keepfit_source.ts";
import { newFiles } from "../new_files.ts";

interface NewOptions {
  hooks: string[];
  controls: string[];
  out?: string;
}

/** `keepfit new NAME`: create a plugin project. */
export function addNew(program: Command, cli: CommandLine): void {
  const command = program.command("new")
    .usage("OWNER/NAME [--hooks LIST] [--controls LIST] [--out DIR]")
    .description(
      "Create a plugin in TypeScript: manifest, module, tests and tasks, in the folder NAME.",
    )
    .argument("<OWNER/NAME>", "Id of the plugin, such as ada/loss-to-slack.", idOf)
    .option(
      "--hooks <LIST>",
      `Separated by commas: ${pluginHooks.join(", ")}.`,
      listOf(pluginHooks),
      [
        "onEpochEnd",
      ],
    )
    .option(
      "--controls <LIST>",
      `What it may do to the training: ${pluginControls.join(", ")}. Default: none.`,
      listOf(pluginControls),
      [],
    )
    .option("--out <DIR>", "Folder to create. Default: NAME.")
    .action(async (id: string, { hooks, controls, out = id.split("/")[1] }: NewOptions) => {
      const { fs } = cli;
      if (await exists(out, { fs }) && (await fs.readDir(out)).length > 0) {
        throw new Error(
          `Cannot create ${id} in ${out}: expected a new folder, found files (choose another --out)`,
        );
      }
      const keepfit = await findKeepfit(out, fs);
      const files = newFiles({ id, hooks, controls, keepfit });
      for (const [path, text] of Object.entries(files)) {
        const target = joinPath(out, path);
        await fs.makeDir(directoryOf(target));
        await fs.writeFile(target, text);
      }
      const paths = Object.keys(files).sort();
      cli.print(
        { id, folder: out, files: paths },
        `${paths.map((path) => `${out}/${path}\n`).join("")}
${keepfit.isPublished ? "" : `keepfit is not published yet: using ${keepfit.name}\n\n`}${
          nextText(out)
        }`,
      );
    });
  addExamples(
    command,
    cli,
    ["keepfit new ada/notes"],
    [
      "keepfit new ada/notes --hooks onEpochEnd,onTrainEnd --controls stop",
      "it may stop the training",
    ],
  );
}

/** The next steps, on each runtime. */
function nextText(out: string): string {
  const folder = /^[\w./~-]+$/.test(out) ? out : `"${out}"`;
  return `Next, with one of the three runtimes:

  Node  cd ${folder} && npm install && npm test && npm run check
  Bun   cd ${folder} && bun install && bun test && bun run check
  Deno  cd ${folder} && deno task test && deno task check

npm run dev, bun run dev or deno task dev trains with the plugin and reloads it on each save.
`;
}

function idOf(text: string): string {
  const word = "[a-z0-9]+(?:-[a-z0-9]+)*";
  if (new RegExp(`^${word}/${word}$`).test(text)) return text;
  throw new InvalidArgumentError(
    "It must be owner/name of lower-case letters, digits and single dashes.",
  );
}

function listOf(known: readonly string[]): (text: string) => string[] {
  return (text) => {
    const names = text.split(",").map((name) => name.trim()).filter((name) => name !== "");
    const unknown = names.find((name) => !known.includes(name));
    if (unknown === undefined) return [...new Set(names)];
    throw new InvalidArgumentError(`Unknown: ${unknown}; available are ${known.join(", ")}.`);
  };
}
