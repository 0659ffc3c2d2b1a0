/** All traces, replayed: what differs, and which of it is meant. */
import { type Difference, differences, type Switch, switches } from "./differences.ts";
import { type Mismatch, replay } from "./replay.ts";
import { replayFit } from "./replay_fit.ts";
import { type FitScenario, groups, readScenarios, type Scenario } from "./traces.ts";

/** What came of one scenario. */
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

/** Which differences explain what differs. */
export function judge(
  group: string,
  scenario: Scenario | FitScenario,
  mismatches: Mismatch[],
  among: readonly Difference[] = differences,
): Outcome {
  const explainedBy = new Set<Difference>();
  const unexplained = mismatches.filter((mismatch) => {
    const difference = among.find(({ groups, scenarios, fields, holds }) =>
      groups.includes(group) && (scenarios?.test(scenario.name) ?? true) &&
      fields.includes(mismatch.field) && holds(mismatch, scenario as Scenario)
    );
    if (difference !== undefined) explainedBy.add(difference);
    return difference === undefined;
  });
  return { group, name: scenario.name, unexplained, explainedBy };
}

/** Differences that are not seen as often as is listed, one line each. */
export function miscounted(
  outcomes: readonly Outcome[],
  among: readonly Difference[] = differences,
): string[] {
  return among.flatMap((difference) => {
    const seen = outcomes.filter(({ explainedBy }) => explainedBy.has(difference)).length;
    return seen === difference.seen
      ? []
      : [`seen in ${seen} scenarios, listed with ${difference.seen}: ${difference.why}`];
  });
}

/** Scenarios that a switch is on for, though they are the same without it. */
export async function needless({ groups, scenarios }: Switch): Promise<string[]> {
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

/** The options for parity that a scenario is replayed with. */
function optionsFor(group: string, name: string): Record<string, unknown> {
  const on = switches.filter(({ groups, scenarios }) =>
    groups.includes(group) && scenarios.test(name)
  );
  return Object.assign({}, ...on.map(({ options }) => options));
}
