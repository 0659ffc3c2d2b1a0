import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import * as tf from "@tensorflow/tfjs";
import {
  CallbackError,
  CallbackList,
  type CallbackState,
  evaluate,
  evaluateDataset,
  fit,
  fitDataset,
  type FitOptions,
  type History,
  predict,
  toTfjs,
} from "keepfit";
import { fails, load, publish, recording, setUpSite, site, unique } from "./plugin_site.ts";

setUpSite();

// A reference alone names no cache folder, so the user's own is replaced.
const { XDG_CACHE_HOME } = process.env;
before(() => {
  process.env.XDG_CACHE_HOME = site.folder;
});
after(() => {
  if (XDG_CACHE_HOME === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = XDG_CACHE_HOME;
});

const shared = globalThis as { seen?: unknown[] };

/** Train a line for some epochs with callbacks as a user passes them. */
async function train(options: FitOptions): Promise<History> {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  const x = tf.linspace(-1, 1, 8).reshape([8, 1]);
  try {
    return await fit(model, x, x, { epochs: 2, verbose: 0, seed: 1, ...options });
  } finally {
    x.dispose();
    model.dispose();
  }
}

/** A plugin that records its calls in `globalThis.seen`. */
const telling = `export default ({ label = "plain" }) => ({
  onEpochEnd: (epoch) => globalThis.seen.push(label + " " + epoch),
  onTestEnd: () => globalThis.seen.push(label + " tested"),
  onPredictEnd: () => globalThis.seen.push(label + " predicted"),
  close: () => globalThis.seen.push(label + " closed"),
});`;
const schema = { type: "object", properties: { label: { type: "string" } } };
const hooks = ["onEpochEnd", "onTestEnd", "onPredictEnd"];
const publishTelling = (change = {}) =>
  publish({ "main.js": telling }, change, { hooks, options: schema });

/** An entry with options, so that the cache of the test is used. */
const quoted = (plugin: string | URL, options: Record<string, unknown> = {}) => ({
  plugin,
  cacheDir: site.cacheDir,
  retryDelay: 1,
  // Trusted, so that it records in this process.
  tier: "trusted",
  ...options,
});

async function warned(run: () => unknown): Promise<string[]> {
  const { warn } = console;
  const messages: string[] = [];
  console.warn = (message: string) => void messages.push(message);
  try {
    await run();
  } finally {
    console.warn = warn;
  }
  return messages;
}

describe("A plugin among the callbacks of fit", () => {
  it("A plugin among the callbacks is loaded by its reference, with or without options, and closed with the run", async () => {
    const seen: unknown[] = shared.seen = [];
    const url = await publishTelling();
    // A reference alone runs in this process if the plugin is a local file.
    const folder = join(site.folder, `own-${unique()}`);
    await mkdir(folder);
    for (const name of ["callback.plugin.json", "main.js"]) {
      const text = site.pages.get(new URL(name, url).pathname) as string;
      await writeFile(join(folder, name), text);
    }
    await train({
      callbacks: [
        pathToFileURL(join(folder, "callback.plugin.json")),
        [quoted(new URL(url), { options: { label: "mine" } }), null],
        { onEpochEnd: (epoch) => void seen.push(`own ${epoch}`) },
      ],
    });
    assert.deepEqual(seen, [
      ...["plain 0", "mine 0", "own 0", "plain 1", "mine 1", "own 1"],
      ...["plain closed", "mine closed"],
    ]);
  });

  it("A plugin among the callbacks works in fitDataset, evaluate, evaluateDataset and predict", async () => {
    const seen: unknown[] = shared.seen = [];
    const callbacks = quoted(await publishTelling());
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    const x = tf.ones([2, 1]);
    const batches = function* () {
      yield { xs: tf.ones([2, 1]), ys: tf.ones([2, 1]) };
    };
    const options = { callbacks, verbose: 0 } as const;
    await fitDataset(model, batches, options);
    await evaluate(model, x, x, options);
    await evaluateDataset(model, batches, options);
    await predict(model, x, options);
    assert.deepEqual(seen, [
      ...["plain 0", "plain closed", "plain tested", "plain closed"],
      ...["plain tested", "plain closed", "plain predicted", "plain closed"],
    ]);
  });

  it("A plugin among the callbacks fails the run before its first batch if it cannot be loaded, and the others are closed", async () => {
    const seen: unknown[] = shared.seen = [];
    const one = quoted(await publishTelling(), { options: { label: "one" } });
    const two = quoted(await publishTelling(), { options: { label: "two" } });
    const begun = { onTrainBegin: () => void seen.push("began") };
    const missing = quoted(`${site.url}none/callback.plugin.json`);
    await fails("E_HTTP", /status 404/, train({ callbacks: [begun, one, [two], missing] }));
    assert.deepEqual(seen, ["one closed", "two closed"]);
  });

  for (const tier of ["trusted", "sandboxed", "worker"] as const) {
    it(`A plugin among the callbacks is called every n epochs and batches, as its manifest declares: ${tier}`, async () => {
      const main = `export default () => { const seen = []; return {
        onTrainBatchEnd: (batch, logs) => { seen.push("batch " + batch + " " + typeof logs.loss); },
        onEpochEnd: (epoch, logs) => { seen.push("epoch " + epoch + " " + typeof logs.loss); },
        getState: () => ({ seen }),
      }; };`;
      const hooks = [{ name: "onTrainBatchEnd", every: 2 }, { name: "onEpochEnd", every: 3 }];
      const plugin = await load(await publish({ "main.js": main }, {}, { hooks }), { tier });
      let state: CallbackState | undefined;
      await train({
        epochs: 4,
        batchSize: 2,
        callbacks: [plugin, {
          async onTrainEnd() {
            state = await plugin.getState?.();
          },
        }],
      });
      const batches = ["batch 1 number", "batch 3 number"];
      assert.deepEqual(state?.seen, [
        ...[...batches, ...batches, ...batches, "epoch 2 number"],
        ...batches,
      ]);
    });
  }

  it("A plugin among the callbacks is rejected with an unknown option, which may be a restriction", async () => {
    const callbacks = quoted(await publishTelling(), { teir: "sandboxed" });
    await assert.rejects(train({ callbacks }), /with option teir: did you mean 'tier'\?/);
  });

  it("A plugin among the callbacks is not loaded by a list or toTfjs, which give advice", async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    const reference = "https://example.com/callback.plugin.json";
    for (const make of [() => new CallbackList(reference), () => toTfjs([reference], model)]) {
      assert.throws(make, (error) => {
        assert(error instanceof CallbackError);
        assert.equal(error.code, "CALLBACK_INVALID");
        assert.match(error.message, /here write await loadPlugin\("https:\/\/example\.com/);
        return true;
      });
    }
  });

  it("A plugin among the callbacks does not end the run when it fails, and the run reports disabled callbacks at the end", async () => {
    const broken = await publish({
      "main.js": recording(`if (epoch === 1) throw new Error("no disk");`)
        .replace("onEpochEnd()", "onEpochEnd(epoch)"),
    });
    let history: History | undefined;
    const messages = await warned(async () => {
      history = await train({ epochs: 3, callbacks: quoted(broken) });
    });
    assert.deepEqual(history?.epoch, [0, 1, 2]);
    assert.deepEqual(
      history?.failures.map(({ callback, hook, policy }) => [callback, hook, policy]),
      [
        ["ada/counter", "onEpochEnd", "disable"],
      ],
    );
    assert.equal(
      messages.at(-1),
      "keepfit: 1 callback was disabled in this run: ada/counter (onEpochEnd, epoch 1: no disk)",
    );
  });

  it("A plugin among the callbacks does not stop the run when it hangs", async () => {
    const hanging = await publish({ "main.js": recording("await new Promise(() => {});") });
    const messages = await warned(async () => {
      const { epoch } = await train({ callbacks: quoted(hanging, { limits: { hookTime: 500 } }) });
      assert.deepEqual(epoch, [0, 1]);
    });
    assert.match(messages[0], /did not return from onEpochEnd/);
  });

  it("A plugin among the callbacks ends the run if the user sets onError to throw", async () => {
    const broken = await publish({ "main.js": recording(`throw undefined;`) });
    await assert.rejects(train({ callbacks: quoted(broken, { onError: "throw" }) }), {
      code: "CALLBACK_HOOK",
      message: "Callback ada/counter failed in onEpochEnd (epoch 0): undefined",
    });
  });
});

describe("A plugin's context in a training", () => {
  it("A plugin's context is complete, and closed with the run", async () => {
    const posted: string[] = [];
    site.pages.set("/hook", async (request) => (posted.push(await request.text()), new Response()));
    const url = await publish(
      {
        "main.js": `export default ({ url }, context) => ({
          async onEpochEnd(epoch, { loss }) {
            void context.append("log.csv", epoch + "\\n");
            globalThis.seen.push(await context.publish("/metrics", "epoch " + epoch));
            const { status } = await context.fetch(url, { method: "POST", body: "epoch " + epoch });
            context.log("sent, \\u001b[1mstatus " + status);
          },
          close: () => void context.append("log.csv", "closed\\n"),
        });`,
      },
      {
        permissions: {
          net: [{ option: "url", reason: "sends" }],
          listen: [{ address: "127.0.0.1:0", reason: "serves" }],
          write: [{ path: "*.csv", reason: "keeps" }],
        },
      },
      { options: { type: "object", properties: { url: { type: "string" } }, required: ["url"] } },
    );
    const outputDir = join(site.folder, `out-${unique()}`);
    const { log } = console;
    const lines: string[] = [];
    console.log = (line: string) => void lines.push(line);
    const seen: unknown[] = shared.seen = [];
    const served: string[] = [];
    const plugin = await load(url, {
      options: { url: `${site.url}hook` },
      allow: { net: [new URL(site.url).origin], listen: true },
      outputDir,
    });
    try {
      for (const _run of [1, 2]) {
        const look = {
          onEpochEnd: async () => void served.push(await (await fetch(String(seen.at(-1)))).text()),
        };
        const { failures } = await train({ callbacks: [plugin, look] });
        assert.deepEqual(failures, []);
        await assert.rejects(fetch(String(seen.at(-1))));
      }
    } finally {
      console.log = log;
    }
    const twice = ["epoch 0", "epoch 1", "epoch 0", "epoch 1"];
    assert.deepEqual(served, twice);
    assert.deepEqual(posted, twice);
    assert.deepEqual(lines, Array(4).fill("ada/counter: sent, \\u001b[1mstatus 200"));
    assert.equal(await readFile(join(outputDir, "log.csv"), "utf8"), "0\n1\nclosed\n".repeat(2));
  });

  it("A plugin's context is closed even if the factory fails after it opened something", async () => {
    const url = await publish(
      {
        "main.js": `export default async (_, context) => {
          globalThis.seen.push(await context.publish("/", "x"));
          throw new Error("no");
        };`,
      },
      { permissions: { listen: [{ address: "127.0.0.1:0", reason: "serves" }] } },
    );
    const seen: unknown[] = shared.seen = [];
    await fails("E_FACTORY", /threw: no/, load(url, { allow: ["listen"] }));
    await assert.rejects(fetch(String(seen[0])));
  });

  it("A plugin's context is closed even if the factory does not return", async () => {
    const main = "export default () => new Promise(() => {});";
    const limits = { hookTime: 50 };
    const loading = load(await publish({ "main.js": main }), { limits });
    await fails("E_TIMEOUT", /it did not return\n.*a callback within 50 ms/, loading);
  });
});
