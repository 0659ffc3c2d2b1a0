import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { type CallbackLike, CallbackList, fit, type History, type Logs } from "keepfit";
import type { LoadPluginOptions, PluginLimits } from "keepfit/plugins";
import { fails, load, publish, setUpSite } from "./plugin_site.ts";

setUpSite();

/** Load a module into a thread. */
async function loadInWorker(
  source: string,
  callback: Record<string, unknown> = {},
  options: LoadPluginOptions = {},
): Promise<CallbackLike> {
  const reference = await publish({ "main.js": source }, {}, callback);
  return await load(reference, { tier: "worker", ...options });
}

async function train(callbacks: CallbackLike[], epochs = 4): Promise<History> {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError" });
  const x = tf.linspace(-1, 1, 8).reshape([8, 1]);
  try {
    return await fit(model, x, x, { epochs, verbose: 0, callbacks });
  } finally {
    x.dispose();
    model.dispose();
  }
}

describe("A plugin in a worker", () => {
  it("A plugin in a worker takes part in a training: reads logs, sets the rate, adds logs, reads weights, stops", async () => {
    const plugin = await loadInWorker(
      `import { Callback } from "keepfit";
      export default class extends Callback {
        constructor(options, context) { super(); Object.assign(this, { options, context }); }
        async onEpochEnd(epoch, logs) {
          logs.rate_before = this.context.getLearningRate();
          this.context.setLearningRate(this.options.rate);
          const [kernel] = await this.context.readWeights();
          logs.kernel = kernel.values[0];
          logs.epochs = this.params.epochs;
          logs.nothing = NaN;
          if (epoch === 1) this.context.stop();
        }
      }`,
      { controls: ["addLogs", "readWeights", "setLearningRate", "stop"], options: {} },
      { options: { rate: 0.05 } },
    );
    const rates: number[] = [];
    const { epoch, history, failures } = await train([plugin, {
      onEpochEnd: (_: number, logs: Logs) => rates.push(logs.rate_before),
    }]);
    assert.deepEqual(failures, []);
    assert.deepEqual(epoch, [0, 1]);
    assert.deepEqual(rates.map((rate) => Number(rate.toFixed(6))), [0.1, 0.05]);
    assert.deepEqual(history.epochs, [4, 4]);
    assert.deepEqual(history.nothing, [NaN, NaN]);
    assert.equal(typeof history.kernel[0], "number");
  });

  it("A plugin in a worker keeps its state across a restart", async () => {
    const source = `export default () => { let count = 0; return {
      onEpochEnd() { count++; },
      getState: () => ({ count, values: new Float32Array([count]) }),
      setState: (state) => { count = state.count; },
    }; };`;
    const first = await loadInWorker(source);
    await new CallbackList([first]).onEpochEnd(0, {});
    const state = await first.getState?.();
    assert.deepEqual(state, { count: 1, values: new Float32Array([1]) });
    await first.close?.();
    const second = await loadInWorker(source);
    await second.setState?.(state as never);
    await new CallbackList([second]).onEpochEnd(1, {});
    assert.equal((await second.getState?.())?.count, 2);
    await second.close?.();
  });

  it("A plugin in a worker may be used in consecutive trainings, with its state", async () => {
    const plugin = await loadInWorker(
      `export default () => { let count = 0; let epochs; return {
        setParams: (params) => { epochs = params.epochs; },
        onEpochEnd(_, logs) { logs.count = ++count; logs.epochs = epochs; },
        getState: () => ({ count }),
        setState: (state) => { count = state.count; },
      }; };`,
      { controls: ["addLogs"] },
    );
    assert.deepEqual((await train([plugin], 2)).history.count, [1, 2]);
    const second = await train([plugin], 3);
    assert.deepEqual(second.failures, []);
    assert.deepEqual(second.history.count, [3, 4, 5]);
    assert.deepEqual(second.history.epochs, [3, 3, 3]);
  });

  const hanging = { callTime: 1000 };
  const patient = { callTime: 300_000, hookTime: 300_000 };
  const deaths: [what: string, body: string, reason: RegExp, limits: PluginLimits][] = [
    ["hangs", "for (;;);", /more than 1000 ms/, hanging],
    // Deno does not report this.
    [
      "ends itself",
      `(globalThis.Deno ?? process).exit(3);`,
      /ended|closed|more than 1000 ms/,
      hanging,
    ],
    [
      "throws an uncaught error",
      `setTimeout(() => { throw new Error("late"); }); await new Promise(() => {});`,
      /late/,
      patient,
    ],
    [
      "leaves an unhandled rejection",
      `Promise.reject(new Error("lost")); await new Promise(() => {});`,
      /lost/,
      patient,
    ],
    [
      "recurses infinitely",
      "const again = () => again() + 1; again();",
      /stack|recursion/i,
      patient,
    ],
    ["throws", `throw new TypeError("no good");`, /no good/, patient],
  ];
  for (const [what, body, reason, limits] of deaths) {
    it(`A plugin in a worker that ${what} is disabled, and training continues`, async () => {
      const plugin = await loadInWorker(
        `export default () => ({ async onEpochEnd(epoch) { if (epoch === 1) { ${body} } } });`,
        {},
        { limits },
      );
      const { epoch, failures } = await train([plugin]);
      assert.deepEqual(epoch, [0, 1, 2, 3]);
      assert.deepEqual(failures.map(({ hook }) => hook), ["onEpochEnd"]);
      assert.match(String((failures[0].error as Error).message), reason);
    });
  }

  it("A plugin in a worker that leaves a rejection in its last hook fails in that hook", async () => {
    const plugin = await loadInWorker(
      `export default () => ({ onTrainEnd() { Promise.reject(new Error("lost")); } });`,
      { hooks: ["onTrainEnd"] },
    );
    const { failures } = await train([plugin]);
    assert.deepEqual(failures.map(({ hook }) => hook), ["onTrainEnd"]);
    assert.match(String((failures[0].error as Error).message), /lost/);
  });

  it("A plugin in a worker that hangs in its factory is rejected", async () => {
    const options = { limits: hanging };
    await fails("E_TIMEOUT", /more than 1000 ms/, loadInWorker("for (;;);", {}, options));
    const factory = "export default () => { for (;;); };";
    await fails("E_TIMEOUT", /more than 1000 ms/, loadInWorker(factory, {}, options));
  });

  it("A plugin in a worker reports its problems like one in this process", async () => {
    await fails("E_MODULE", /no good/, loadInWorker(`throw new RangeError("no good");`));
    await fails("E_EXPORT", /no such export/, loadInWorker("export const other = 1;"));
    await fails("E_EXPORT", /lacks an export.*string/s, loadInWorker(`export default "a";`));
    for (const made of ["undefined", "null", "1"]) {
      const expected = new RegExp(`returned no callback.*${made === "1" ? "number" : made}`, "s");
      await fails("E_EXPORT", expected, loadInWorker(`export default () => ${made};`));
    }
    await fails("E_EXPORT", /no onEpochEnd/, loadInWorker("export default () => ({});"));
    await fails(
      "E_FACTORY",
      /not today/,
      loadInWorker(`export default () => { throw new TypeError("not today"); };`),
    );
  });

  it("A plugin in a worker cannot use modules that belong to this thread", async () => {
    const source =
      `import { sequential } from "@tensorflow/tfjs"; export default () => sequential;`;
    const url = await publish({ "main.js": source }, { peers: { "@tensorflow/tfjs": "^4" } });
    const loading = load(url, { tier: "worker", peers: { "@tensorflow/tfjs": tf } });
    await fails("E_SANDBOX", /an import of @tensorflow\/tfjs/, loading);
  });

  it("A plugin in a worker receives no environment on Node and Bun", async (t) => {
    if ("Deno" in globalThis) return t.skip("Deno's threads have the environment of the process");
    const plugin = await loadInWorker(
      `export default () => ({ onEpochEnd(_, logs) { logs.count = Object.keys(process.env).length; } });`,
      { controls: ["addLogs"] },
    );
    const logs: Record<string, number> = {};
    await new CallbackList([plugin, {
      onEpochEnd: (_: number, given: Logs) => void Object.assign(logs, given),
    }])
      .onEpochEnd(0, {});
    await plugin.close?.();
    assert.equal(logs.count, 0);
  });
});
