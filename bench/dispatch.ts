/**
 * Measures a hook call through a `CallbackList` with eight callbacks, and with a trusted plugin, in
 * nanoseconds of processor time per callback.
 *
 * ```sh
 * node --import tsx bench/dispatch.ts      # or: deno run -A bench/dispatch.ts; bun bench/dispatch.ts
 * ```
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { Callback, type CallbackLike, CallbackList } from "keepfit";
import { computeIntegrity, loadPlugin } from "keepfit/plugins";
import { getRuntime } from "keepfit/runtime";

const calls = 100_000;
const rounds = 9;

class Counting extends Callback {
  sum = 0;
  override onTrainBatchEnd(_batch: number, logs: { accuracy?: number } = {}): void {
    this.sum += logs.accuracy ?? 0;
  }
}

/** Nanoseconds per call of one callback. */
async function measure(callbacks: CallbackLike[]): Promise<number> {
  const list = new CallbackList(callbacks);
  const run = async () => {
    for (let i = 0; i < calls; i++) {
      const called = list.onTrainBatchEnd(i, { accuracy: i / calls, loss: 1 - i / calls });
      if (called instanceof Promise) await called;
    }
  };
  await run();
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / calls * 1000);
  }
  return times.sort((a, b) => a - b)[rounds >> 1];
}

const { name, version } = getRuntime();
console.log(`${name} ${version}, nanoseconds of processor time, medians of ${rounds} rounds`);
const print = (ns: number, what: string) => console.log(`${ns.toFixed(0).padStart(6)}  ${what}`);

const eight = Array.from({ length: 8 }, () => new Counting());
print(await measure(eight), "a batch for eight callbacks, all of them");

const folder = await mkdtemp(join(tmpdir(), "keepfit-dispatch-"));
const source =
  "export default () => { let sum = 0; return { onTrainBatchEnd(_, logs) { sum += logs.accuracy } } };";
await writeFile(join(folder, "mod.js"), source);
await writeFile(
  join(folder, "callback.plugin.json"),
  JSON.stringify({
    manifestVersion: 1,
    id: "bench/counting",
    version: "1.0.0",
    title: "Counting",
    description: "Adds up the accuracy.",
    license: "MIT",
    authors: [{ name: "keepfit" }],
    engines: { core: ">=0.1" },
    module: "mod.js",
    files: {
      "mod.js": {
        integrity: await computeIntegrity(new TextEncoder().encode(source)),
        size: source.length,
      },
    },
    callbacks: [{
      name: "counting",
      export: "default",
      hooks: ["onTrainBatchEnd"],
      controls: [],
    }],
    sandbox: { support: "supported" },
  }),
);
const reference = pathToFileURL(join(folder, "callback.plugin.json")).href;
const plugin = await loadPlugin(reference, { tier: "trusted" });
print(await measure([plugin]), "a hook of a trusted plugin");
await rm(folder, { recursive: true });
process.exit(0);
