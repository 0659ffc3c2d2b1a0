import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PluginError } from "keepfit";
import { driveEpochs, loadForTest, type TestedPlugin } from "keepfit/testing";

const source = new URL("0.1.0/", import.meta.url);
const load = (onEpochEnd: string, more = {}): Promise<TestedPlugin> =>
  loadForTest(source, { options: { onEpochEnd }, ...more });

describe("The scripted callback", () => {
  it("The scripted callback executes its lines", async () => {
    const { callback, lines } = await load(`
      memory.best = Math.min(memory.best ?? Infinity, logs.val_loss);
      logs.gap = logs.val_loss - logs.loss;
      if (epoch === 1) setLearningRate(learningRate / 10);
      if (logs.val_loss > 2 * memory.best) { log("worse than", memory.best); stop(); }
    `);
    const { stoppedAt, logs, learningRates, failures } = await driveEpochs(callback, {
      epochs: [
        { loss: 1, val_loss: 3 },
        { loss: 1, val_loss: 1.5 },
        { loss: 1, val_loss: 4 },
        { loss: 1, val_loss: 1 },
      ],
    });
    assert.deepEqual(failures, []);
    assert.equal(stoppedAt, 2);
    assert.deepEqual(logs.map(({ gap }) => gap), [2, 0.5, 3]);
    assert.equal(learningRates.length, 1);
    assert.deepEqual(lines, ["worse than 1.5"]);
  });

  it("The scripted callback runs only in the sandbox", async () => {
    const loading = load("stop()", { tier: "trusted" });
    await assert.rejects(loading, (error) => {
      assert(error instanceof PluginError);
      assert.equal(error.code, "E_SANDBOX");
      assert.match(error.message, /The script may come from an untrusted source/);
      return true;
    });
    const nothing = [
      "process",
      "Deno",
      "Bun",
      "require",
      "fetch",
      "this.constructor.constructor('return process')()",
    ];
    for (const what of nothing) {
      const { callback } = await load(`logs.found = typeof (${what}) === "undefined" ? 0 : 1;`);
      const { failures, logs } = await driveEpochs(callback, { epochs: [{ loss: 1 }] });
      assert(failures.length === 1 || logs[0].found === 0, what);
    }
  });

  it("The scripted callback is disabled when it never ends, or cannot be parsed", async () => {
    const { callback } = await load("for (;;);", { limits: { callTime: 200 } });
    const { failures, logs } = await driveEpochs(callback, {
      epochs: [{ loss: 1 }, { loss: 1 }, { loss: 1 }],
    });
    assert.equal(failures.length, 1);
    assert.equal(logs.length, 3);
    await assert.rejects(load("for (;;"), /Cannot read the script/);
  });

  it("The scripted callback keeps its memory from one process to the next", async () => {
    const script = "memory.count = (memory.count ?? 0) + 1; logs.count = memory.count;";
    const first = await load(script);
    let state = {};
    await driveEpochs([first.callback, {
      afterEpochEnd: async () => void (state = await first.callback.getState?.() ?? {}),
    }], { epochs: [{ loss: 1 }, { loss: 1 }] });
    const second = await load(script);
    await second.callback.setState?.(state);
    const { logs } = await driveEpochs(second.callback, { epochs: [{ loss: 1 }] });
    assert.equal(logs[0].count, 3);
  });
});
