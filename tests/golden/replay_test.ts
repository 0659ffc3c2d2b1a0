import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import * as keepfit from "keepfit";
import { EarlyStopping, type EarlyStoppingOptions, Progbar } from "keepfit";
import { judge, miscounted, type Outcome, replayAll, unneeded } from "./compare.ts";
import { differences, switches } from "./differences.ts";
import { replay } from "./replay.ts";
import { replayFit } from "./replay_fit.ts";
import { type FitScenario, groups, readScenarios, readTraces, type Scenario } from "./traces.ts";

const env = { ...process.env, KERAS_BACKEND: "jax", PYTHONDONTWRITEBYTECODE: "1" };

describe("The traces of Keras", () => {
  let outcomes: Outcome[] = [];
  before(async () => {
    outcomes = await replayAll();
  });

  for (const group of [...groups, "hook_order"]) {
    it(`The traces of Keras match, or their mismatch is explained: ${group}`, () => {
      const own = outcomes.filter((outcome) => outcome.group === group);
      assert.ok(own.length > 0);
      assert.deepEqual(
        own.flatMap(({ name, unexplained }) =>
          unexplained.slice(0, 1).map((one) => ({ name, one }))
        ),
        [],
      );
    });
  }

  it("The traces of Keras differ exactly where a difference is listed, and in the listed number of scenarios", () => {
    assert.deepEqual(miscounted(outcomes), []);
    const explained = outcomes.filter(({ unexplained }) => unexplained.length === 0);
    console.log(
      `${explained.length} of ${outcomes.length} traces equal or explained, ` +
        `${outcomes.filter(({ explainedBy }) => explainedBy.size > 0).length} explained`,
    );
    assert.ok(outcomes.length >= 400);
  });

  it("The traces of Keras need each switch in each of its scenarios", async () => {
    for (const one of switches) assert.deepEqual(await unneeded(one), []);
  });

  it("The traces of Keras come from the release that the documentation names", () => {
    for (const group of [...groups, "hook_order", "bar_cells", "signatures"]) {
      assert.equal(readTraces(group).keras, "3.15.1");
    }
  });

  it("The traces of Keras have our number of bar cells for each step of each target", () => {
    const { cells } = readTraces("bar_cells") as { cells: Record<string, number[]> };
    for (const [target, counts] of Object.entries(cells)) {
      const ours = counts.map((_, i) => {
        const bar = new Progbar({ target: Number(target), start: 0, hasColors: true });
        const drawn = bar.update(i + 1, {}, { now: 1000 });
        return drawn.split("\x1b[32m")[1]?.indexOf("\x1b") ?? 0;
      });
      assert.deepEqual(ours, counts, `target ${target}`);
    }
  });
});

describe("make_traces.py", () => {
  const python = process.env.KEEPFIT_PYTHON;
  const versions = "import jax, keras, requests; print(keras.__version__)";
  const { stdout } = spawnSync(python ?? "false", ["-c", versions], { encoding: "utf8", env });
  const skip = stdout?.trim() === "3.15.1"
    ? false
    : "KEEPFIT_PYTHON is not a Python with keras 3.15.1, jax and requests";

  it("make_traces.py creates exactly the committed traces", { skip }, () => {
    const into = mkdtempSync(join(tmpdir(), "keepfit-traces-"));
    try {
      const script = fileURLToPath(new URL("make_traces.py", import.meta.url));
      const { status, stderr } = spawnSync(String(python), [script, `--into=${into}`], {
        encoding: "utf8",
        env,
      });
      assert.equal(status, 0, stderr);
      const here = new URL("traces/", import.meta.url);
      assert.deepEqual(readdirSync(into).sort(), readdirSync(here).sort());
      for (const name of readdirSync(into)) {
        const same = readFileSync(join(into, name)).equals(readFileSync(new URL(name, here)));
        assert.ok(same, `${name} has changed`);
      }
    } finally {
      rmSync(into, { recursive: true });
    }
  });
});

describe("The replay", () => {
  const stopping = readScenarios<Scenario>("early_stopping")
    .find(({ name }) => name === "Keras's test: patience 2") as Scenario;

  it("The replay finds a number that differs from Keras", async () => {
    const changed = structuredClone(stopping);
    const seen = changed.steps.find(([, seen]) => seen.wait === 1)?.[1] as { wait: number };
    seen.wait = 3;
    const { unexplained } = judge("early_stopping", changed, await replay(changed));
    assert.deepEqual(unexplained[0], { ...unexplained[0], field: "wait", keras: 3, ours: 1 });
  });

  it("The replay finds a callback that waits an epoch too long", async () => {
    class Patient extends EarlyStopping {
      constructor(options: EarlyStoppingOptions) {
        super({ ...options, patience: (options.patience ?? 0) + 1 });
      }
    }
    const mismatches = await replay(stopping, {}, { ...keepfit, EarlyStopping: Patient });
    const { unexplained } = judge("early_stopping", stopping, mismatches);
    assert.equal(unexplained[0].field, "stop");
  });

  it("The replay finds a hook that is not called, and a wrong loss", async () => {
    const [scenario] = readScenarios<FitScenario>("hook_order");
    const events = scenario.seen.events as [string, number, { loss: number }][];
    assert.deepEqual(await replayFit(scenario), []);
    events[3][2].loss += 1e-4;
    assert.deepEqual((await replayFit(scenario)).map(({ field }) => field), ["events"]);
    events[3][2].loss -= 1e-4;
    events.pop();
    assert.deepEqual((await replayFit(scenario)).map(({ field }) => field), ["events"]);
  });

  it("The replay finds a listed difference that is no longer observed", async () => {
    const outcome = judge("early_stopping", stopping, await replay(stopping));
    const [one] = differences;
    assert.equal(miscounted([outcome], [{ ...one, count: 1 }]).length, 1);
  });
});
