import type { Command } from "commander";
import { manifestName } from "../../plugins/mod.ts";
import { joinPath } from "../../runtime/mod.ts";
import { isTypeScriptSource, type PackedSource, packSource } from "../../testing/pack_source.ts";
import { checkHere } from "../check/check_here.ts";
import { checkOn, otherRuntimes } from "../check/check_runtimes.ts";
import { checkTypes, importsOf } from "../check/check_source.ts";
import { type CheckReport, problemsOf, reportText, warningsOf } from "../check/report.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";
import { parseOptions } from "../plugin_options.ts";

/** `keepfit check SOURCE`: what keeps a plugin from being published. */
export function addCheck(program: Command, line: CommandLine): void {
  const command = program.command("check")
    .usage("SOURCE [--here] [-- OPTIONS]")
    .description(
      "Hold the plugin in SOURCE to what it says, on each runtime found on this machine.",
    )
    .argument("<SOURCE>", "The folder that the plugin is written in.")
    .argument("[OPTIONS]", "The callback's options as JSON, behind --.", parseOptions, {})
    .option("--here", "On this runtime only, and without types.")
    .addHelpText(
      "after",
      `
It looks at manifest, types, size and imports, then drives the plugin by script and in small
trainings, in each tier that the manifest claims. It writes to memory, gets {} from every server and
runs no command. What is declared and never used is a warning.`,
    )
    .action(
      async (
        source: string,
        options: Record<string, unknown>,
        { here = false }: { here?: boolean },
      ) => {
        const report = await check(line, source, options, here);
        const [problems, warnings] = [problemsOf(report), warningsOf(report)];
        line.tell({ ...report, problems, warnings }, reportText(report));
        if (problems.length > 0) line.code = 1;
      },
    );
  addExamples(
    command,
    line,
    ["keepfit check notes"],
    [`keepfit check . -- '{"url":"https://a.example/x"}'`, "with options of the callback"],
  );
}

async function check(
  line: CommandLine,
  source: string,
  options: Record<string, unknown>,
  here: boolean,
): Promise<CheckReport> {
  const { fs } = line;
  const bundle = await isTypeScriptSource(source, fs);
  const packed = await packSource(source, { fs, bundle });
  const isTyped = bundle && !here;
  const report: CheckReport = {
    ...summaryOf(packed),
    imports: await importsOf(packed),
    types: isTyped
      ? await checkTypes(source, await entryOf(source, fs), fs)
      : { checker: "nothing to check", problems: [] },
    runtimes: [await checkHere(packed, options)],
  };
  if (here) return report;
  const { runtimes } = packed.manifest;
  for (const name of otherRuntimes()) {
    if (runtimes !== undefined && !runtimes.includes(name)) continue;
    report.runtimes.push(await checkOn(name, source, options));
  }
  return report;
}

function summaryOf({ manifest: { id, version, module }, contents }: PackedSource) {
  const sizes = [...contents].map(([path, { length }]) => [path, length]);
  return { id, version, module, files: Object.fromEntries(sizes) as Record<string, number> };
}

async function entryOf(source: string, fs: CommandLine["fs"]): Promise<string> {
  return JSON.parse(await fs.readTextFile(joinPath(source, manifestName))).module;
}
