import type { PluginTier } from "../../plugins/mod.ts";
import type { Runtime } from "../../runtime/types.ts";

/** Result of a tier on a runtime. */
export interface TierReport {
  tier: PluginTier;
  /** Reason for skipping it; undefined if it was not skipped. */
  skipped: string | undefined;
  problems: string[];
}

/** Result of a runtime. */
export interface RuntimeReport {
  name: Runtime["name"];
  version: string | undefined;
  /** Reason for skipping it; undefined if it was not skipped. */
  skipped: string | undefined;
  tiers: TierReport[];
  /** Refused uses, as problems. */
  problems: string[];
  /** Permissions and controls that are declared but not used. */
  warnings: string[];
}

/** Result of the type check. */
export interface TypesReport {
  /** Program that checked the types; undefined if they were not checked. */
  checker: string | undefined;
  problems: string[];
}

/** Result of `keepfit check`. */
export interface CheckReport {
  id: string;
  version: string;
  /** Size in bytes by path. */
  files: Record<string, number>;
  module: string;
  /** Modules that it imports from other packages. */
  imports: string[];
  types: TypesReport;
  runtimes: RuntimeReport[];
}

/** Every problem of a report, with its runtime and tier. */
export function problemsOf(report: CheckReport): string[] {
  return [
    ...report.types.problems.map((problem) => `types: ${problem}`),
    ...report.runtimes.flatMap(({ name, tiers, problems }) => [
      ...problems.map((problem) => `${name}: ${problem}`),
      ...tiers.flatMap(({ tier, problems }) =>
        problems.map((problem) => `${name}, ${tier}: ${problem}`)
      ),
    ]),
  ];
}

/** Every warning of a report, without duplicates. */
export function warningsOf(report: CheckReport): string[] {
  const { types, runtimes } = report;
  return [
    ...new Set([
      ...types.checker === undefined
        ? ["types: not checked, found neither tsc in node_modules nor deno"]
        : [],
      ...runtimes.flatMap(({ warnings }) => warnings),
      ...runtimes.flatMap(({ name, skipped, tiers }) => [
        ...skipped === undefined ? [] : [`${name}: skipped, ${skipped}`],
        ...tiers.flatMap(({ tier, skipped }) =>
          skipped === undefined ? [] : [`${name}, ${tier}: skipped, ${skipped}`]
        ),
      ]),
    ]),
  ];
}

/** A report for people. */
export function reportText(report: CheckReport): string {
  const { id, version, files, module, imports, types, runtimes } = report;
  const sizes = Object.values(files);
  const rows: [string, string][] = [
    ["manifest", "ok"],
    ["types", types.problems.length > 0 ? "wrong" : types.checker ?? "not checked"],
    [
      "size",
      `${sum(sizes)} bytes in ${sizes.length} files, ${module} has ${files[module]}`,
    ],
    ["imports", imports.join(", ") || "nothing"],
    ...runtimes.map((one): [string, string] => [
      `${one.name} ${one.version ?? ""}`.trim(),
      one.skipped === undefined ? one.tiers.map(tierText).join(", ") : "skipped",
    ]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lists = [["Problems", problemsOf(report)], ["Warnings", warningsOf(report)]] as const;
  return [
    `${id} ${version}`,
    ...rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`),
    ...lists.flatMap(([title, lines]) =>
      lines.length === 0 ? [] : ["", `${title}:`, ...lines.map((line) => `  ${line}`)]
    ),
    "",
  ].join("\n");
}

function tierText({ tier, skipped, problems }: TierReport): string {
  if (skipped !== undefined) return `${tier} skipped`;
  return problems.length === 0 ? `${tier} ok` : `${tier} ${problems.length} failed`;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
