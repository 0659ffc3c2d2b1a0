import type { PluginTier } from "../../plugins/mod.ts";
import type { Runtime } from "../../runtime/types.ts";

/** What came of one tier on one runtime. */
export interface TierReport {
  tier: PluginTier;
  /** Why it was not tried; undefined where it was. */
  skipped: string | undefined;
  problems: string[];
}

/** What was found on one runtime. */
export interface RuntimeReport {
  name: Runtime["name"];
  version: string | undefined;
  /** Why it was not tried; undefined where it was. */
  skipped: string | undefined;
  tiers: TierReport[];
  /** Uses that were refused, as problems. */
  problems: string[];
  /** Permissions and controls that are declared and were not used. */
  warnings: string[];
}

/** Where the types of a source were checked, if anywhere. */
export interface TypesReport {
  /** What checked them; undefined when nothing did. */
  checker: string | undefined;
  problems: string[];
}

/** All that `keepfit check` finds. */
export interface CheckReport {
  id: string;
  version: string;
  /** Bytes by path. */
  files: Record<string, number>;
  module: string;
  /** What its modules import that is none of its files. */
  imports: string[];
  types: TypesReport;
  runtimes: RuntimeReport[];
}

/** Every problem of a report, each with where it is. */
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

/** Every warning of a report, once. */
export function warningsOf(report: CheckReport): string[] {
  const { types, runtimes } = report;
  return [
    ...new Set([
      ...types.checker === undefined
        ? ["types: not checked, there is neither tsc in node_modules nor deno"]
        : [],
      ...runtimes.flatMap(({ warnings }) => warnings),
      ...runtimes.flatMap(({ name, skipped, tiers }) => [
        ...skipped === undefined ? [] : [`${name}: not tried, ${skipped}`],
        ...tiers.flatMap(({ tier, skipped }) =>
          skipped === undefined ? [] : [`${name}, ${tier}: not tried, ${skipped}`]
        ),
      ]),
    ]),
  ];
}

/** A report for a person. */
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
      one.skipped === undefined ? one.tiers.map(tierText).join(", ") : "not tried",
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
  if (skipped !== undefined) return `${tier} not tried`;
  return problems.length === 0 ? `${tier} ok` : `${tier} ${problems.length} wrong`;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
