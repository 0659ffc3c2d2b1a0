/**
 * Measures how long a sandboxed plugin that never stops delays a run: milliseconds in addition to
 * its 100 batches.
 *
 * ```sh
 * node --import tsx bench/endless.ts      # or: deno run -A bench/endless.ts, bun bench/endless.ts
 * ```
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CallbackList, type CallbacksArgument } from "keepfit";
import { computeIntegrity, loadPlugin } from "keepfit/plugins";
import { getRuntime } from "keepfit/runtime";

const callTime = 250;
const batches = 100;
const batchTime = 5;

const burn = "const burn = (ms) => { const end = Date.now() + ms; while (Date.now() < end); };";
const storm = "(async () => { for (;;) { burn(20); await context.readWeights(); } })();";
const kinds: Record<string, string> = {
  "never ends in a hook": "onTrainBatchEnd() { for (;;); }",
  "copies bytes in a hook":
    "onTrainBatchEnd() { const a = new Uint8Array(40 << 20); for (;;) a.copyWithin(0, 1); }",
  "joins strings in a hook":
    "onTrainBatchEnd() { const s = 'x'.repeat(1e7); for (;;) (s + s).charCodeAt(3); }",
  "is slow in each hook": "onTrainBatchEnd() { burn(200); }",
  "never ends between hooks": `onTrainBegin() { ${storm} }, onTrainBatchEnd() {}`,
  "never ends in a hook that waits":
    "async onTrainBatchEnd() { for (;;) { burn(20); await context.readWeights(); } }",
  "is disabled but continues":
    `onTrainBegin() { ${storm} }, onTrainBatchEnd() { throw new Error("x"); }`,
};

const folder = await mkdtemp(join(tmpdir(), "keepfit-bench-"));
const { name, version } = getRuntime();
const alone = await run([]);
console.log(
  `${name} ${version}: callTime ${callTime} ms, runTime ${30 * callTime} ms; ` +
    `${Math.round(alone.time)} ms in addition to ${batches} batches without a plugin`,
);
const { warn } = console;
for (const [kind, body] of Object.entries(kinds)) {
  const plugin = await loadPlugin(await publish(body), { tier: "sandboxed", limits: { callTime } });
  console.warn = () => {};
  const { time, failure } = await run([plugin]);
  console.warn = warn;
  console.log(`${String(Math.round(time)).padStart(8)} ms  ${kind}: ${failure}`);
}
await rm(folder, { recursive: true });

async function run(callbacks: CallbacksArgument): Promise<{ time: number; failure: string }> {
  const list = new CallbackList(callbacks, { model: { getWeights: () => [] } as never });
  let ofBatches = 0;
  const began = performance.now();
  await list.onTrainBegin();
  for (let batch = 0; batch < batches; batch++) {
    const end = performance.now() + batchTime;
    while (performance.now() < end);
    ofBatches += performance.now() - end + batchTime;
    await new Promise((resolve) => setTimeout(resolve));
    await list.onTrainBatchEnd(batch, { loss: 1 });
  }
  await list.onTrainEnd();
  const time = performance.now() - began - ofBatches;
  await list.close();
  const { error } = list.failures[0] ?? { error: "no failure" };
  return { time, failure: String((error as Error).message ?? error).split("\n")[0] };
}

async function publish(body: string): Promise<URL> {
  const source = `${burn} export default (options, context) => ({ ${body} });`;
  const bytes = new TextEncoder().encode(source);
  await writeFile(join(folder, "main.js"), bytes);
  const hooks = ["onTrainBegin", "onTrainBatchEnd"].filter((hook) => body.includes(`${hook}(`));
  const manifest = {
    manifestVersion: 1,
    id: "bench/endless",
    version: "1.0.0",
    title: "Endless",
    description: "Never stops.",
    license: "MIT",
    authors: [{ name: "bench" }],
    engines: { core: ">=0.1" },
    module: "main.js",
    files: { "main.js": { integrity: await computeIntegrity(bytes), size: bytes.length } },
    callbacks: [{ name: "endless", export: "default", hooks, controls: ["readWeights"] }],
    sandbox: { support: "supported" },
    repository: "https://example.com/bench/endless",
  };
  const path = join(folder, "callback.plugin.json");
  await writeFile(path, JSON.stringify(manifest));
  return pathToFileURL(path);
}
