import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import * as tf from "@tensorflow/tfjs";
import { type CallbackLike, CallbackList, fit, type Logs } from "keepfit";
import {
  loadPlugin,
  type LoadPluginOptions,
  PluginError,
  type PluginLimits,
} from "keepfit/plugins";
import { startChild } from "../child.ts";
import { fails, load, publish, setUpSite, site, unique } from "./plugin_site.ts";

setUpSite();

/** Load into a sandbox, with enough time for a busy machine. */
const sandboxed = (reference: string, options: LoadPluginOptions = {}): Promise<CallbackLike> =>
  load(reference, { tier: "sandboxed", limits: { callTime: Infinity }, ...options });

/** A plugin of one module, in a sandbox. */
async function plugin(
  main: string,
  callback: Record<string, unknown> = {},
  options: LoadPluginOptions = {},
): Promise<CallbackLike> {
  return await sandboxed(await publish({ "main.js": main }, {}, callback), options);
}

/** The result of a function body in a sandbox. */
async function inside(body: string, options: LoadPluginOptions = {}): Promise<unknown> {
  const callback = await plugin(
    `export default (options, context) => ({
      onEpochEnd() {},
      async getState() { return { value: await (async () => { ${body} })() }; },
    });`,
    {},
    options,
  );
  try {
    return (await callback.getState?.())?.value;
  } finally {
    await callback.close?.();
  }
}

function compiled(): tf.Sequential {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "zeros" })],
  });
  model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError", metrics: ["accuracy"] });
  return model;
}

/** Train with callbacks on a line. */
async function train(
  callbacks: CallbackLike[],
  epochs = 4,
): Promise<{ model: tf.Sequential; history: Awaited<ReturnType<typeof fit>> }> {
  const model = compiled();
  const x = tf.linspace(-1, 1, 8).reshape([8, 1]);
  const history = await fit(model, x, x, { epochs, batchSize: 4, verbose: 0, callbacks });
  x.dispose();
  return { model, history };
}

describe("A plugin in a sandbox", () => {
  it("A plugin in a sandbox stops a real training", async () => {
    const { history } = await train([
      await plugin(
        `export default ({ last }, { stop }) => ({ onEpochEnd(epoch, logs) {
          if (epoch === last && logs.loss > 0) stop();
        } });`,
        {
          controls: ["stop"],
          options: { type: "object", properties: { last: { type: "integer" } } },
        },
        { options: { last: 1 } },
      ),
    ]);
    assert.deepEqual(history.epoch, [0, 1]);
    assert.deepEqual(history.failures, []);
  });

  it("A plugin in a sandbox changes the learning rate, and adds logs that others see", async () => {
    const rates: number[] = [];
    const { history } = await train([
      await plugin(
        `import { Callback } from "keepfit";
        export class Halve extends Callback {
          #context;
          constructor(options, context) { super(); this.#context = context; }
          onEpochBegin() { this.#context.setLearningRate(this.#context.getLearningRate() / 2); }
          onEpochEnd(epoch, logs) {
            logs.learning_rate = this.#context.getLearningRate();
            logs.epochs = this.params.epochs;
          }
        }`,
        {
          export: "Halve",
          hooks: ["onEpochBegin", "onEpochEnd"],
          controls: ["addLogs", "setLearningRate"],
        },
      ),
      { onEpochEnd: (_: number, logs: Logs) => rates.push(logs.learning_rate) },
    ], 2);
    assert.deepEqual(rates.map((rate) => rate.toFixed(4)), ["0.0500", "0.0250"]);
    assert.deepEqual(history.history.epochs, [2, 2]);
  });

  it("A plugin in a sandbox reads weights and writes them", async () => {
    const { model } = await train([
      await plugin(
        `export default (_, { readWeights, writeWeights }) => ({ async onTrainEnd() {
          const weights = await readWeights();
          if (!(weights[0].values instanceof Float32Array)) throw new Error("no Float32Array");
          weights[0].values[0] = weights[0].shape.length;
          weights[1].values.fill(-7.5);
          await writeWeights(weights);
        } });`,
        { hooks: ["onTrainEnd"], controls: ["readWeights", "writeWeights"], onError: "fail" },
      ),
    ]);
    const [kernel, bias] = model.getWeights().map((weight) => [...weight.dataSync()]);
    assert.deepEqual([kernel, bias], [[2], [-7.5]]);
  });

  it("A plugin in a sandbox writes the same files as a trusted one", async () => {
    const manifest = new URL(
      "keepfit/epoch-report/0.1.0/callback.plugin.json",
      pathToFileURL("examples/plugins/"),
    );
    const charts = [];
    for (const tier of ["trusted", "sandboxed"] as const) {
      const outputDir = join(site.folder, `out-${unique()}`);
      const options = { tier, outputDir, cacheDir: site.cacheDir };
      const list = new CallbackList([await loadPlugin(manifest, options)]);
      await list.onTrainBegin();
      for (const loss of [0.7, NaN, 0.1 + 0.2, 1e-9]) {
        await list.onEpochEnd(0, { accuracy: loss / 3, loss, val_loss: loss * 1.1 });
      }
      await list.close();
      charts.push(await readFile(join(outputDir, "learning-curve.svg"), "utf8"));
    }
    assert.match(charts[0], /val_loss/);
    assert.equal(charts[1], charts[0]);
  });

  it("A plugin in a sandbox may import cyclically, JSON and dynamically, await at top level, and knows its URL", async () => {
    const url = await publish({
      "main.js": `
        import data from "./data.json" with { type: "json" };
        import { even } from "./even.js";
        const { late } = await import("./late.js");
        const place = import.meta.url
        export default () => ({ onEpochEnd() {}, getState: () =>
          ({ json: data["__proto__"], even: even(4), late, place }) });`,
      "data.json": `{ "__proto__": 1 }`,
      "even.js":
        `import { odd } from "./odd.js"; export const even = (n) => n === 0 || odd(n - 1);`,
      "odd.js":
        `import { even } from "./even.js"; export const odd = (n) => n !== 0 && even(n - 1);`,
      "late.js": `export const late = await Promise.resolve("late");`,
    });
    const place = url.replace("callback.plugin.json", "main.js");
    const state = await (await sandboxed(url)).getState?.();
    assert.deepEqual(state, { json: 1, even: true, late: "late", place });
  });

  it("A plugin in a sandbox is selected by a manifest that requires it", async () => {
    const main =
      `export default () => ({ onEpochEnd() {}, getState: () => ({ on: typeof URL }) });`;
    const url = await publish({ "main.js": main }, { sandbox: { support: "required" } });
    assert.deepEqual(await (await load(url, { tier: undefined })).getState?.(), {
      on: "undefined",
    });
  });

  it("A plugin in a sandbox has no module of the host except keepfit's Callback", async () => {
    const peer = await publish(
      { "main.js": `import "@tensorflow/tfjs"; export default () => ({ onEpochEnd() {} });` },
      { peers: { "@tensorflow/tfjs": "^4" } },
    );
    const peers = { "@tensorflow/tfjs": tf };
    await fails("E_SANDBOX", /imports @tensorflow\/tfjs[^]*"trusted"/, sandboxed(peer, { peers }));
    const names = `import * as keepfit from "keepfit"; export default () =>
      ({ onEpochEnd() {}, getState: () => ({ names: Object.keys(keepfit) }) });`;
    assert.deepEqual(await (await plugin(names)).getState?.(), { names: ["Callback"] });
    const other = `import { CallbackList } from "keepfit"; export default () => ({});`;
    await fails("E_MODULE", /CallbackList/, plugin(other));
  });

  it("A plugin in a sandbox fails to load like a trusted one", async () => {
    const ok = "({ onEpochEnd() {} })";
    const cases: [code: "E_EXPORT" | "E_FACTORY" | "E_MODULE", message: RegExp, main: string][] = [
      ["E_EXPORT", /lacks an export[^]*no such export/, `export const other = 1;`],
      ["E_EXPORT", /lacks an export[^]*string/, `export default "a";`],
      ["E_EXPORT", /returned no callback[^]*number/, `export default () => 1;`],
      ["E_EXPORT", /returned no callback[^]*null/, `export default async () => null;`],
      ["E_EXPORT", /lacks a hook/, `export default () => ({ onEpochBegin() {} });`],
      ["E_FACTORY", /threw: no/, `export default () => { throw new RangeError("no"); };`],
      ["E_FACTORY", /threw: later/, `export default async () => { throw new Error("later"); };`],
      ["E_FACTORY", /never settles/, `export default () => new Promise(() => {});`],
      ["E_MODULE", /bad/, `throw new Error("bad"); export default () => ${ok};`],
      ["E_MODULE", /never settles/, `await new Promise(() => {}); export default () => ${ok};`],
    ];
    for (const [code, message, main] of cases) {
      for (const tier of ["trusted", "sandboxed"] as const) {
        // Outside of the sandbox, the process would wait for it until it ends.
        if (tier === "trusted" && main.includes("new Promise")) continue;
        await fails(code, message, plugin(main, {}, { tier }));
      }
    }
  });

  it("A plugin in a sandbox reports errors with its own files and lines", async () => {
    const url = await publish({
      "main.js": `import { deep } from "./deep.js";\n\nexport default () => ({\n` +
        `  async onEpochEnd() {\n    await null;\n    deep();\n  },\n});`,
      "deep.js": `export function deep() {\n` +
        `  throw Object.assign(new TypeError("too deep"), { code: "E_DEEP" });\n}`,
    });
    const callback = await sandboxed(url);
    const error = await (callback.onEpochEnd?.(0, {}) as Promise<never>).catch((one) => one);
    assert(error instanceof Error);
    const { name, message, code, stack } = error as Error & { code: string };
    assert.deepEqual([name, message, code], ["TypeError", "too deep", "E_DEEP"]);
    assert.match(stack ?? "", /deep\.js:2:.*\n.*main\.js:6:/);
    assert.doesNotMatch(stack ?? "", /keepfit:sandbox|node_modules/);
  });

  it("A plugin in a sandbox receives errors of the host without their stack", async () => {
    const caught = await inside(
      `try { await context.write("../a", ""); } catch (error) {
        return [error instanceof Error, error.code, error.message, error.stack];
      }`,
      { outputDir: site.folder },
    ).catch(String);
    assert.match(String(caught), /not a function/);
    const files = {
      "main.js": `export default (_, { write }) => ({ onEpochEnd() {}, async getState() {
        try { await write("../a", ""); } catch (error) {
          const { name, message, code, stack } = error;
          return { isError: error instanceof Error, name, message, code, stack };
        }
      } });`,
    };
    const permissions = { write: [{ path: "*.txt", reason: "notes" }] };
    const url = await publish(files, { permissions });
    const callback = await sandboxed(url, { outputDir: site.folder });
    const received = await callback.getState?.() as Record<string, string>;
    assert.equal(received.isError as unknown, true);
    assert.equal(received.code, "E_PERMISSION");
    assert.match(received.message, /may not write \.\.\/a/);
    assert.doesNotMatch(received.stack, /context\.ts|file:|node_modules/);
  });

  it("A plugin in a sandbox receives the error of a failing run", async () => {
    const callback = await plugin(
      `let last; export default () => ({
        onException(error) { last = [error instanceof TypeError, error.message]; },
        getState: () => ({ last }),
      });`,
      { hooks: ["onException"] },
    );
    await callback.onException?.(new TypeError("broken"));
    assert.deepEqual(await callback.getState?.(), { last: [true, "broken"] });
  });

  it("A plugin in a sandbox prints to the user's console", async () => {
    const lines: string[] = [];
    const { log } = console;
    console.log = (line: string) => lines.push(line);
    try {
      await inside(`console.log("a", 1, { b: [2] }, null, undefined); console.warn("w");`);
    } finally {
      console.log = log;
    }
    assert.deepEqual(lines, [`ada/counter: a 1 {"b":[2]} null undefined`, "ada/counter: w"]);
  });

  it("A plugin in a sandbox is usable after close like a new one with its state", async () => {
    const callback = await plugin(
      `let count = 0, ever = 0; export default () => ({
        onEpochEnd() { count++; ever++; },
        getState: () => ({ count, ever }),
        setState(state) { count = state.count; },
      });`,
    );
    await train([callback], 2);
    await train([callback], 3);
    assert.deepEqual(await callback.getState?.(), { count: 5, ever: 0 });
    await callback.close?.();
  });
});

describe("Values of a sandboxed plugin", () => {
  it("Values reach a hook unchanged, and change only where the plugin may", async () => {
    const main = `let seen; export default () => ({
      onEpochEnd(epoch, logs) {
        seen = [epoch, { ...logs }, logs.acc, Object.keys(logs).length];
        logs.loss = -0; logs.nan = Infinity; logs.inf = -Infinity; logs.added = NaN;
        logs.text = "no"; logs.accuracy = undefined; logs["__proto__"] = 1; delete logs.zero;
      },
      getState: () => ({ seen }),
    });`;
    const given = (): Logs => ({ accuracy: 0.5, inf: Infinity, loss: 1, nan: NaN, zero: -0 });
    const shared = await plugin(main, { controls: ["addLogs"] });
    const logs = given();
    await shared.onEpochEnd?.(3, logs);
    const expected = {
      accuracy: 0.5,
      inf: -Infinity,
      loss: -0,
      nan: Infinity,
      zero: -0,
      added: NaN,
    };
    assert.deepEqual(logs, expected);
    assert.equal(Object.getPrototypeOf(logs), Object.prototype);
    const { seen } = await shared.getState?.() as { seen: unknown };
    assert.deepEqual(seen, [3, given(), 0.5, 5]);

    const alone = await plugin(main);
    const untouched = given();
    const fails = async () => await alone.onEpochEnd?.(0, untouched);
    await assert.rejects(fails, /TypeError|read-only|not extensible/);
    assert.deepEqual(untouched, given());
  });

  it("Values that are added after a wait are read back too", async () => {
    const callback = await plugin(
      `export default () => ({ async onEpochEnd(epoch, logs) { await null; logs.mine = epoch; } });`,
      { controls: ["addLogs"] },
    );
    const logs: Logs = { loss: 1 };
    await callback.onEpochEnd?.(4, logs);
    assert.deepEqual(logs, { loss: 1, mine: 4 });
  });

  it("Values survive a state that goes out and back in", async () => {
    const state = {
      numbers: [NaN, Infinity, -Infinity, -0, 0, 1e300, null],
      nothing: undefined,
      text: ["~", "~u", "\u0000\ud800é😀", ""],
      floats: Float32Array.of(1.5, NaN),
      bytes: new Uint8Array(0),
      big: BigInt64Array.of(-1n),
      nested: { deep: [{ true: true }] },
    };
    const main = `let kept; export default () => ({ onEpochEnd() {},
      getState: () => kept, setState(state) { kept = structuredClone(state); } });`;
    const one = await plugin(main);
    await one.setState?.(state);
    assert.deepEqual(await one.getState?.(), state);
  });

  it("Values that are not plain data are rejected with a reason", async () => {
    for (const value of ["() => 1", "Symbol()", "1n", "new Map()", "new Date()", "[[() => 1]]"]) {
      await assert.rejects(inside(`return ${value};`), /plain data only/, value);
    }
    await assert.rejects(inside("const a = []; a.push(a); return a;"), /nested deeper/);
    await assert.rejects(inside("return new Array(2e6);"), /more than 1000000 values/);
    await assert.rejects(inside(`return "a".repeat(2 ** 25);`), /characters/);
  });
});

describe("The globals of a sandbox", () => {
  it("The globals of a sandbox are JavaScript's own and a few that grant no access", async () => {
    const names = await inside("return Object.getOwnPropertyNames(globalThis);") as string[];
    for (
      const name of ["process", "Deno", "Bun", "require", "fetch", "setTimeout", "WebAssembly"]
    ) {
      assert(!names.includes(name), name);
    }
    for (const name of ["console", "TextEncoder", "atob", "structuredClone", "Math", "Date"]) {
      assert(names.includes(name), name);
    }
  });

  it("The globals of a sandbox encode and decode like the host", async () => {
    const texts = ["", "aé€😀", "\ud800x", "\ufeffa"];
    for (const text of texts) {
      const encoded = await inside(`return new TextEncoder().encode(${JSON.stringify(text)});`);
      assert.deepEqual(encoded, new TextEncoder().encode(text));
    }
    const bytes = [[0xe2, 0x82], [0xc0, 0x80, 0x41], [0xf0, 0x9f, 0x98, 0x80], [0xed, 0xa0, 0x80], [
      0xef,
      0xbb,
      0xbf,
      0x41,
    ]];
    for (const list of bytes) {
      const decoded = await inside(`return new TextDecoder().decode(Uint8Array.of(${list}));`);
      assert.equal(decoded, new TextDecoder().decode(Uint8Array.from(list)));
    }
    assert.deepEqual(
      await inside(
        `return [btoa("\\xff\\x00a"), btoa("ab"), atob("/wBh").charCodeAt(0), atob("YWI=")];`,
      ),
      [btoa("\xff\0a"), btoa("ab"), 255, "ab"],
    );
  });
});

describe("A plugin that tries to escape", () => {
  it("A plugin that tries to escape finds only its own globals", async () => {
    const escapes = [
      `(() => {}).constructor("return this")()`,
      `context.log.constructor("return this")()`,
      `context.log.constructor.constructor("return this")()`,
      `(async () => {}).constructor("return this")()`,
      `(0, eval)("this")`,
      `new Error().constructor.constructor("return this")()`,
    ];
    for (const escape of escapes) {
      const found = await inside(`
        const found = await ${escape};
        return [found === globalThis, typeof found.process, typeof found.Deno, typeof found.fetch];`);
      assert.deepEqual(found, [true, "undefined", "undefined", "undefined"], escape);
    }
  });

  it("A plugin that tries to escape cannot import other modules", async () => {
    for (
      const specifier of ["node:fs", "fs", "keepfit/runtime", "file:///etc/passwd", "std", "os"]
    ) {
      const what = JSON.stringify(specifier);
      const caught = await inside(`
        try { await eval('import(' + ${JSON.stringify(what)} + ')'); return "imported"; }
        catch (error) { return error.message; }`);
      assert.match(String(caught), /not in the plugin|no function filename/, specifier);
    }
  });

  it("A plugin that tries to escape changes nothing by tampering with functions that the bridge might use", async () => {
    const main = `
      let stolen = 0;
      const steal = () => { stolen++; throw "stolen"; };
      export default (_, context) => {
        const { getOwnPropertyNames: namesOf, defineProperty: define } = Object;
        const view = Object.getPrototypeOf(Int8Array.prototype);
        const prototypes = [
          Array, Object, String, Promise, Function, Map, RegExp, Error, Uint8Array, ArrayBuffer,
        ].map((one) => one.prototype);
        const names = ["then", "value", "error", "id", "toJSON", "code", "next", "bytes", "name"];
        for (let i = 0; i < 10; i++) {
          const own = namesOf(prototypes[i]);
          for (let j = 0; j < own.length; j++) {
            try { if (own[j] !== "constructor") define(prototypes[i], own[j], { value: steal }); } catch {}
          }
        }
        for (const name of ["length", "buffer", "byteLength", "set", Symbol.toStringTag]) {
          define(view, name, { get: steal });
        }
        define(Array.prototype, Symbol.iterator, { value: steal });
        for (let i = 0; i < 3; i++) define(Array.prototype, i, { get: steal, set: steal });
        for (let i = 0; i < 9; i++) define(Object.prototype, names[i], {
          __proto__: null, get() { return undefined; }, set: steal,
        });
        JSON.parse = JSON.stringify = Reflect.apply = Object.keys = steal;
        globalThis.Promise = globalThis.Float64Array = globalThis.Uint8Array = globalThis.Error = null;
        return {
          async onEpochEnd(epoch, logs) {
            await null;
            logs.rate = context.getLearningRate() ?? 7;
            logs.stolen = stolen;
          },
          getState: () => ({ list: [1, "a", new Float32Array(2)], stolen }),
        };
      };`;
    const callback = await plugin(main, { controls: ["addLogs"] });
    const logs: Logs = { loss: 1, nan: NaN };
    await callback.onEpochEnd?.(0, logs);
    assert.deepEqual(logs, { loss: 1, nan: NaN, rate: 7, stolen: 0 });
    assert.deepEqual(await callback.getState?.(), {
      list: [1, "a", new Float32Array(2)],
      stolen: 0,
    });
    await callback.close?.();
  });

  it("A plugin that tries to escape returns plain data whatever its results are", async () => {
    const results: [string, unknown][] = [
      [`JSON.parse('{"__proto__": {"polluted": 1}}')`, undefined],
      [`{ toJSON: 1, constructor: 2, then: 3 }`, { toJSON: 1, constructor: 2, then: 3 }],
      [
        `new Proxy({}, { ownKeys: () => ["a"], get: () => 5,
        getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true, value: 1 }) })`,
        {
          a: 5,
        },
      ],
      [`new Proxy([1, 2], {})`, [1, 2]],
      [`Object.setPrototypeOf({ own: 1 }, { inherited: 2 })`, { own: 1 }],
    ];
    for (const [source, expected] of results) {
      const value = await inside(`return ${source};`) as Record<string, unknown>;
      if (expected !== undefined) assert.deepEqual(value, expected, source);
      assert.equal(Object.getPrototypeOf(value).polluted, undefined);
      assert.equal(value.polluted, undefined);
      assert.equal(({} as Record<string, unknown>).polluted, undefined);
    }
  });
});

describe("A plugin that takes too much", () => {
  const limits = { callTime: 300, memory: 16 * 1024 * 1024 };
  /** The limits that can end it; "either" depends on the speed of the machine. */
  type Ending = "memory" | "time" | "either";
  const endings: Record<Ending, [limits: PluginLimits, codes: string[], message: RegExp]> = {
    time: [limits, ["E_TIMEOUT"], /computed for too long\n.*at most 300 ms/],
    memory: [
      { ...limits, callTime: Infinity },
      ["E_SANDBOX"],
      /more memory than it may use\n.*at most 16777216 bytes/,
    ],
    either: [
      limits,
      ["E_SANDBOX", "E_TIMEOUT"],
      /computed for too long|more memory than it may use/,
    ],
  };
  const bombs: [what: string, ending: Ending, body: string][] = [
    ["loops forever", "time", `for (;;);`],
    ["loops in a getter of its result", "time", `return { get a() { for (;;); } };`],
    [
      "loops in a trap of its result",
      "time",
      `return new Proxy({}, { ownKeys() { for (;;); } });`,
    ],
    [
      "catches its interruption",
      "time",
      `for (;;) try { for (;;); } catch {} finally { for (;;); }`,
    ],
    [
      "creates promises forever",
      "either",
      `const go = () => Promise.resolve().then(go); await go();`,
    ],
    [
      "creates promises without a time limit",
      "memory",
      `const go = () => Promise.resolve().then(go); await go();`,
    ],
    ["awaits null forever", "time", `for (;;) await null;`],
    ["loops in a job", "time", `await null; for (;;);`],
    [
      "calls a built-in function that takes hours",
      "time",
      `return "a".repeat(4e6).indexOf("a".repeat(2e6) + "b");`,
    ],
    [
      "walks an enormous array-like object",
      "time",
      `return [].indexOf.call({ length: 2 ** 52 }, 1);`,
    ],
    [
      "flattens an exponential array",
      "either",
      `let a = []; for (let i = 0; i < 60; i++) a = [a, a]; return a.flat(Infinity).length;`,
    ],
    ["has a bad regular expression", "time", `return /(a+)+b/.test("a".repeat(60));`],
    ["fills its memory", "memory", `const all = []; for (;;) all.push(new Uint8Array(1e6));`],
    ["fills its memory with small objects", "memory", `const all = []; for (;;) all.push({});`],
    ["creates a string that is too large", "memory", `return "a".repeat(2 ** 29).length;`],
  ];
  for (const [what, ending, body] of bombs) {
    it(`A plugin that takes too much is ended when it ${what}, with the same error from then on`, async () => {
      const [limits, codes, message] = endings[ending];
      const callback = await plugin(
        `export default () => ({
          onEpochEnd() {},
          async getState() { ${body} },
        });`,
        {},
        { limits },
      );
      for (let i = 0; i < 2; i++) {
        const error = await Promise.resolve().then(() => callback.getState?.()).catch((one) => one);
        assert(error instanceof PluginError, `${error}`);
        assert(codes.includes(error.code), error.message);
        assert.match(error.message, message);
        assert.match(error.message, i === 0 ? /^Cannot continue with/ : /^Cannot call/);
      }
      assert.throws(() => callback.onEpochEnd?.(0, {}), PluginError);
      await callback.close?.();
    });
  }

  it("A plugin that takes too much survives endless recursion, or is ended by it", async () => {
    const depth = await inside(`let n = 0; const f = () => { n++; f(); };
      try { f(); } catch (error) { return [error.message, n > 100]; }`);
    assert.deepEqual(depth, ["stack overflow", true]);
    // Built-in functions take more of the host's stack than QuickJS counts.
    const nested = `let a = null; for (let i = 0; i < 1e5; i++) a = [a];
      try { return JSON.stringify(a).length; } catch (error) { return error.message; }`;
    const result = await inside(nested).catch((error) => error);
    if (result instanceof Error) {
      assert.match(result.message, /recursed too deep/);
    } else assert.equal(result, "stack overflow");
  });

  it("A plugin that takes too much does not load if its module or factory never ends", async () => {
    const ok = "export default () => ({ onEpochEnd() {} });";
    await fails("E_TIMEOUT", /at most 300 ms/, plugin(`for (;;); ${ok}`, {}, { limits }));
    await fails("E_TIMEOUT", /at most/, plugin(`await null; for (;;); ${ok}`, {}, { limits }));
    await fails(
      "E_TIMEOUT",
      /at most/,
      plugin(`export default () => { for (;;); }`, {}, { limits }),
    );
  });

  it("A plugin that takes too much fails when its promise can never settle, and stays usable", async () => {
    const callback = await plugin(
      `let n = 0; export default () => ({
        onEpochBegin: () => new Promise(() => {}),
        onEpochEnd() { n++; },
        getState: () => ({ n }),
      });`,
      { hooks: ["onEpochBegin", "onEpochEnd"] },
      { onError: "warn" },
    );
    const waiting = callback.onEpochBegin?.(0, {}) as Promise<unknown>;
    await assert.rejects(waiting, /its promise never settles/);
    await callback.onEpochEnd?.(0, {});
    assert.deepEqual(await callback.getState?.(), { n: 1 });
  });

  it("A plugin that takes too much has a limited number of pending calls to the host", async () => {
    const files = {
      "main.js": `export default (_, { write }) => ({ onEpochEnd() {}, async getState() {
        const all = await Promise.allSettled(Array.from({ length: 300 }, async (_, i) => await write(i + ".txt", "")));
        return { refused: all.filter(({ status }) => status === "rejected").length };
      } });`,
    };
    const permissions = { write: [{ path: "*.txt", reason: "notes" }] };
    const outputDir = join(site.folder, `out-${unique()}`);
    const callback = await sandboxed(await publish(files, { permissions }), { outputDir });
    assert.deepEqual(await callback.getState?.(), { refused: 44 });
  });

  it("A plugin that takes too much is disabled, and training continues and reports the reason", async () => {
    const { history } = await train([
      await plugin(
        `export default () => ({ onEpochEnd(epoch) { if (epoch === 1) for (;;); }, close() {} });`,
        {},
        { limits },
      ),
    ]);
    assert.deepEqual(history.epoch, [0, 1, 2, 3]);
    assert.equal(history.failures.length, 1);
    const [{ callback, hook, error }] = history.failures as {
      callback: string;
      hook: string;
      error: unknown;
    }[];
    assert.deepEqual([callback, hook], ["ada/counter", "onEpochEnd"]);
    assert.match(String(error), /computed for too long/);
  });

  it("A plugin that takes too much is not ended for time that other processes use", async () => {
    // Its clock continues while the process is stopped.
    const url = await publish({
      "main.js": `export default (_, { log }) => ({ onEpochEnd() {
        const began = Date.now();
        log("begins");
        while (Date.now() - began < 8300);
        // Exceeds callTime while it still checks the clock.
        for (let i = 0; i < 2e5; i++);
        log("ends");
      } });`,
    });
    const module = `
      import { loadPlugin } from "keepfit/plugins";
      const limits = { callTime: 8000, hookTime: 60_000 };
      const plugin = await loadPlugin(process.argv[2], { limits, tier: "sandboxed", lock: false });
      await plugin.onEpochEnd(0, {});
      await plugin.close();`;
    const env = { XDG_CACHE_HOME: site.cacheDir };
    const { child, result, printed } = startChild(module, { args: [url], env });
    await printed("begins");
    const began = Date.now();
    // Wait until it has left the host's function, whose time is not counted.
    await new Promise((resolve) => setTimeout(resolve, 300));
    // Deno's child.kill() sends one signal only.
    process.kill(child.pid as number, "SIGSTOP");
    // Half of callTime is then left on a busy machine.
    await new Promise((resolve) => setTimeout(resolve, began + 8400 - Date.now()));
    process.kill(child.pid as number, "SIGCONT");
    const { stdout, stderr } = await result;
    assert.match(stdout, /begins\n[^]*ends\n/, stderr);
  });
});
