/**
 * Measures a hook of a plugin in microseconds, trusted and in the sandbox, and the time to start a
 * plugin.
 *
 * ```sh
 * node --import tsx bench/sandbox.ts      # or: deno run -A bench/sandbox.ts, bun bench/sandbox.ts
 * ```
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { CallbackLike, Logs } from "keepfit";
import { computeIntegrity, loadPlugin } from "keepfit/plugins";
import { getRuntime } from "keepfit/runtime";

const rounds = 15;
const calls = 2000;

const source = `
  export default () => {
    let best = Infinity, sum = 0;
    return {
      onEpochBegin() {},
      onEpochEnd(epoch, logs) { best = Math.min(best, logs.val_loss); },
      onTrainBatchEnd(batch, { loss }) { sum += loss; },
      async onTestEnd(logs) { best = Math.min(best, logs.loss); },
    };
  };`;
const hooks = ["onEpochBegin", "onEpochEnd", "onTrainBatchEnd", "onTestEnd"] as const;

const folder = await mkdtemp(join(tmpdir(), "keepfit-bench-"));
const shared: Record<string, URL> = {};
for (const controls of [[], ["addLogs"]]) shared[controls.join()] = await publish(controls);

const { name, version } = getRuntime();
console.log(`${name} ${version}: microseconds per call, median of ${rounds} rounds of ${calls}`);
for (const controls of ["", "addLogs"]) {
  const callbacks = [];
  for (const tier of ["trusted", "sandboxed"] as const) {
    callbacks.push(await loadPlugin(shared[controls], { tier, cacheDir: join(folder, "cache") }));
  }
  for (const hook of hooks) {
    const [trusted, sandboxed] = await compare(callbacks, hook);
    console.log(
      `${sandboxed.toFixed(1).padStart(8)} sandboxed ${trusted.toFixed(1).padStart(8)} trusted  ` +
        `${hook}${controls && `, ${controls}`}`,
    );
  }
  for (const callback of callbacks) await callback.close?.();
}
const starts: number[] = [];
for (let i = 0; i < 10; i++) {
  const began = performance.now();
  const callback = await loadPlugin(shared[""], { tier: "sandboxed" });
  starts.push(performance.now() - began);
  await callback.close?.();
}
console.log(`${median(starts).toFixed(1).padStart(8)} ms to load a plugin from the cache`);
await rm(folder, { recursive: true });

async function compare(
  callbacks: CallbackLike[],
  hook: typeof hooks[number],
): Promise<number[]> {
  const times = callbacks.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, callback] of callbacks.entries()) {
      const call = callback[hook] as (first: unknown, second?: unknown) => unknown;
      const isTest = hook === "onTestEnd";
      const began = performance.now();
      for (let n = 0; n < calls; n++) {
        const logs: Logs = { accuracy: 0.9, loss: n, val_accuracy: 0.8, val_loss: 2 * n };
        const result = isTest ? call(logs) : call(n, logs);
        if (result !== undefined) await result;
      }
      // The first round warms up.
      if (round > 0) times[i].push((performance.now() - began) * 1000 / calls);
    }
  }
  return times.map(median);
}

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}

async function publish(controls: string[]): Promise<URL> {
  const bytes = new TextEncoder().encode(source);
  await writeFile(join(folder, "main.js"), bytes);
  const manifest = {
    manifestVersion: 1,
    id: "bench/hooks",
    version: "1.0.0",
    title: "Hooks",
    description: "Does little.",
    license: "MIT",
    authors: [{ name: "bench" }],
    engines: { core: ">=0.1" },
    module: "main.js",
    files: { "main.js": { integrity: await computeIntegrity(bytes), size: bytes.length } },
    callbacks: [{ name: "hooks", export: "default", hooks, controls }],
    sandbox: { support: "supported" },
    repository: "https://example.com/bench/hooks",
  };
  const path = join(folder, `callback.plugin${controls.length}.json`);
  await writeFile(path, JSON.stringify(manifest));
  return pathToFileURL(path);
}
