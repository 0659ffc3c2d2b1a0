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

/** `keepfit check SOURCE`: find what prevents a plugin from being published. */
export function addCheck(program: Command, cli: CommandLine): void {
  const command = program.command("check")
    .usage("SOURCE [--here] [-- OPTIONS]")
    .description(
      "Check the plugin in SOURCE against its manifest, on each runtime of this machine.",
    )
    .argument("<SOURCE>", "Source folder of the plugin.")
    .argument("[OPTIONS]", "Options of the callback as JSON, after --.", parseOptions, {})
    .option("--here", "Check on this runtime only, without types.")
    .addHelpText(
      "after",
      `
Checks manifest, types, size and imports, then runs the plugin in scripted and in small real
trainings, in each tier that the manifest supports. Files go to memory, every server answers {} and
no command runs. A declared permission that is never used is a warning.`,
    )
    .action(
      async (
        source: string,
        options: Record<string, unknown>,
        { here = false }: { here?: boolean },
      ) => {
        const report = await check(cli, source, options, here);
        const [problems, warnings] = [problemsOf(report), warningsOf(report)];
        cli.print({ ...report, problems, warnings }, reportText(report));
        if (problems.length > 0) cli.code = 1;
      },
    );
  addExamples(
    command,
    cli,
    ["keepfit check notes"],
    [`keepfit check . -- '{"url":"https://a.example/x"}'`, "with options of the callback"],
  );
}

async function check(
  cli: CommandLine,
  source: string,
  options: Record<string, unknown>,
  here: boolean,
): Promise<CheckReport> {
  const { fs } = cli;
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
