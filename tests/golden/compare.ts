/** Replays all traces, and separates deliberate differences from other mismatches. */
import { type Difference, differences, type Switch, switches } from "./differences.ts";
import { type Mismatch, replay } from "./replay.ts";
import { replayFit } from "./replay_fit.ts";
import { type FitScenario, groups, readScenarios, type Scenario } from "./traces.ts";

/** Result of one scenario. */
export interface Outcome {
  group: string;
  name: string;
  unexplained: Mismatch[];
  explainedBy: Set<Difference>;
}

/** Replay every scenario of every group. */
export async function replayAll(): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const group of groups) {
    for (const scenario of readScenarios<Scenario>(group)) {
      const mismatches = await replay(scenario, optionsFor(group, scenario.name));
      outcomes.push(judge(group, scenario, mismatches));
    }
  }
  for (const scenario of readScenarios<FitScenario>("hook_order")) {
    outcomes.push(judge("hook_order", scenario, await replayFit(scenario)));
  }
  return outcomes;
}

/** Find the deliberate differences that explain the mismatches of a scenario. */
export function judge(
  group: string,
  scenario: Scenario | FitScenario,
  mismatches: Mismatch[],
  among: readonly Difference[] = differences,
): Outcome {
  const explainedBy = new Set<Difference>();
  const unexplained = mismatches.filter((mismatch) => {
    const difference = among.find(({ groups, scenarios, fields, matches }) =>
      groups.includes(group) && (scenarios?.test(scenario.name) ?? true) &&
      fields.includes(mismatch.field) && matches(mismatch, scenario as Scenario)
    );
    if (difference !== undefined) explainedBy.add(difference);
    return difference === undefined;
  });
  return { group, name: scenario.name, unexplained, explainedBy };
}

/** Differences that are not observed in the listed number of scenarios, one line each. */
export function miscounted(
  outcomes: readonly Outcome[],
  among: readonly Difference[] = differences,
): string[] {
  return among.flatMap((difference) => {
    const count = outcomes.filter(({ explainedBy }) => explainedBy.has(difference)).length;
    return count === difference.count
      ? []
      : [`observed in ${count} scenarios, listed with ${difference.count}: ${difference.reason}`];
  });
}

/** Scenarios for which a switch is not needed: without it they have no other mismatches. */
export async function unneeded({ groups, scenarios }: Switch): Promise<string[]> {
  const found: string[] = [];
  for (const group of groups) {
    for (const scenario of readScenarios<Scenario>(group)) {
      if (!scenarios.test(scenario.name)) continue;
      const { unexplained } = judge(group, scenario, await replay(scenario));
      if (unexplained.length === 0) found.push(`${group}: ${scenario.name}`);
    }
  }
  return found;
}

/** The options of the switches for a scenario. */
function optionsFor(group: string, name: string): Record<string, unknown> {
  const on = switches.filter(({ groups, scenarios }) =>
    groups.includes(group) && scenarios.test(name)
  );
  return Object.assign({}, ...on.map(({ options }) => options));
}
