import type { Command } from "commander";
import { type AuditedPlugin, auditPlugins, type PluginAudit } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";
import { noLogText } from "./verify.ts";

interface AuditOptions {
  ignore?: string[];
  offline?: boolean;
  registry?: string;
}

/** `keepfit audit`: check the locked plugins against their registries. */
export function addAudit(program: Command, cli: CommandLine): void {
  const command = program.command("audit")
    .usage("[--registry URL] [--ignore ID] [--offline]")
    .description(
      "Check locked plugins against their registries: yanks, advisories, other signers, " +
        "deprecation. Exits with 1 if something requires action or a check fails.",
    )
    .option("--registry <URL>", "Registry to ask. Default: that of keepfit.json.")
    .option(
      "--ignore <ID>",
      "An advisory that does not concern this project. Repeatable.",
      (id: string, before: string[] = []) => [...before, id],
    )
    .option("--offline", "Use no network, only the last answers.")
    .action(async (options: AuditOptions) => {
      const audit = await auditPlugins(options);
      cli.print(audit, textOf(audit, options.ignore ?? []));
      if (audit.plugins.some((one) => needsAction(one) || one.unknown.length > 0)) cli.code = 1;
    });
  addExamples(
    command,
    cli,
    ["keepfit audit", "for example in CI"],
    ["keepfit audit --ignore KF-2026-0001", "this advisory does not concern you"],
  );
}

function needsAction({ findings }: AuditedPlugin): boolean {
  return findings.some((one) => one.needsAction);
}

function textOf({ plugins, others, ignored }: PluginAudit, ignore: readonly string[]): string {
  const lines: string[] = [];
  for (const { id, version, findings, unknown } of plugins) {
    const isQuiet = findings.length === 0 && unknown.length === 0;
    lines.push(`${id} ${version}:${isQuiet ? " nothing found" : ""}`);
    for (const one of findings) lines.push(`  ${one.needsAction ? "! " : ""}${one.message}`);
    for (const one of unknown) lines.push(`  ? ${one}`);
  }
  for (const id of ignore) {
    lines.push(`ignored: ${id}${ignored.includes(id) ? "" : ", which covers no locked version"}`);
  }
  const noLog = noLogText(plugins);
  if (noLog !== "") lines.push(noLog.trimEnd());
  if (others.length > 0) lines.push(`not from a registry, so not checked: ${others.join(", ")}`);
  if (plugins.length === 0 && others.length === 0) lines.push("nothing is locked");
  return lines.map((line) => `${line}\n`).join("");
}
