import { messageOf } from "../../core/errors.ts";
import type { PluginTier } from "../../plugins/mod.ts";
import { getRuntime } from "../../runtime/mod.ts";
import { checkCallback, type TensorFlow } from "../../testing/mod.ts";
import type { PackedSource } from "../../testing/pack_source.ts";
import { loadPacked } from "../../testing/tested_plugin.ts";
import { recordUses } from "./record_uses.ts";
import type { RuntimeReport, TierReport } from "./report.ts";

/**
 * Run the conformance checks on every callback of a plugin, on this runtime and in each tier that
 * its manifest supports, and observe how it uses its context.
 *
 * @param options of the callbacks
 */
export async function checkHere(
  packed: PackedSource,
  options: Record<string, unknown>,
): Promise<RuntimeReport> {
  const { name, version } = getRuntime();
  const report: RuntimeReport = {
    name,
    version,
    skipped: undefined,
    tiers: [],
    problems: [],
    warnings: [],
  };
  const tf = await findTensorFlow();
  if (tf === undefined) {
    report.warnings.push(
      "no real training was tried: @tensorflow/tfjs is not installed beside keepfit",
    );
  }
  const { support } = packed.manifest.sandbox;
  const uses = await recordUses(packed, options);
  try {
    const problems = await problemsIn(uses.recorded, "trusted", options, tf);
    const findings = uses.findings();
    report.problems.push(...findings.problems);
    report.warnings.push(...findings.warnings);
    // A plugin that requires the sandbox was loaded trusted only to observe it.
    if (support !== "required") {
      report.tiers.push({ tier: "trusted", skipped: undefined, problems });
    }
  } finally {
    uses.release();
  }
  if (support !== "unsupported") report.tiers.push(await checkSandboxed(packed, options, tf));
  return report;
}

async function checkSandboxed(
  packed: PackedSource,
  options: Record<string, unknown>,
  tf: TensorFlow | undefined,
): Promise<TierReport> {
  const report: TierReport = { tier: "sandboxed", skipped: undefined, problems: [] };
  const { permissions = {} } = packed.manifest;
  if (permissions.run !== undefined || permissions.listen !== undefined) {
    report.skipped = "it would run commands, or listen, for real";
    return report;
  }
  report.problems = await problemsIn(packed, "sandboxed", options, tf);
  return report;
}

async function problemsIn(
  packed: PackedSource,
  tier: PluginTier,
  options: Record<string, unknown>,
  tf: TensorFlow | undefined,
): Promise<string[]> {
  const problems: string[] = [];
  for (const { name, controls } of packed.manifest.callbacks) {
    const make = async () => {
      const { callback } = await loadPacked(packed, {
        callback: name,
        options,
        tier,
        peers: tf === undefined ? {} : { "@tensorflow/tfjs": tf },
        respond: () => new Response("{}", { headers: { "content-type": "application/json" } }),
      });
      return callback;
    };
    try {
      // A failure to load is one problem rather than one for each check.
      await (await make()).close?.();
    } catch (error) {
      problems.push(messageOf(error));
      continue;
    }
    const found = await quietly(() =>
      checkCallback(make, { tf, writesLogs: controls.includes("addLogs") ? true : [] })
    );
    const isOne = packed.manifest.callbacks.length === 1;
    problems.push(...found.map((problem) => isOne ? problem : `${name}: ${problem}`));
  }
  return problems;
}

/**
 * Run checks without printing: they provoke failures on purpose, and the report lists the relevant
 * ones.
 */
async function quietly<T>(run: () => Promise<T>): Promise<T> {
  const { log, warn } = console;
  console.log = console.warn = () => {};
  try {
    return await run();
  } finally {
    Object.assign(console, { log, warn });
  }
}

async function findTensorFlow(): Promise<TensorFlow | undefined> {
  try {
    return await quietly(() => import("@tensorflow/tfjs"));
  } catch {
    return undefined;
  }
}
