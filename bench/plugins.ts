/**
 * What verifying costs: milliseconds of a warm load (all from the cache, hashed again) beside a plain
 * import of the same module, and of 50 plugins loaded at once; each in a process of its own.
 *
 * ```sh
 * node --import tsx bench/plugins.ts      # or: deno run -A bench/plugins.ts, bun bench/plugins.ts
 * ```
 */
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { computeIntegrity, loadPlugin } from "keepfit/plugins";
import { getRuntime } from "keepfit/runtime";

const count = 50;
const rounds = 7;
const source = (i: number) =>
  `import { step } from "./step.js";
  export default () => ({ onEpochEnd(epoch) { return epoch * step + ${i}; } });`;
const step = "export const step = 10;";

const [role, folder, tier] = process.argv.slice(2);
if (role === "one" || role === "all" || role === "plain") await child(role, folder, tier);
else await main();

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "keepfit-bench-"));
  try {
    for (let i = 0; i < count; i++) await publish(join(folder, `p${i}`), i);
    const took = (role: string, tier = "trusted") => median(() => Number(run(folder, role, tier)));
    // Once for the cache.
    run(folder, "all", "trusted");
    const plain = took("plain");
    console.log(`${getRuntime().name} ${getRuntime().version}, medians of ${rounds} processes`);
    console.log(`${plain.toFixed(1).padStart(8)} ms  plain import`);
    for (const tier of ["trusted", "sandboxed"]) {
      const one = took("one", tier);
      console.log(
        `${one.toFixed(1).padStart(8)} ms  loadPlugin, ${tier}: ${
          (one - plain).toFixed(1)
        } ms more`,
      );
    }
    console.log(`${took("all", "trusted").toFixed(1).padStart(8)} ms  ${count} plugins, trusted`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** In a process of its own: print how long it took. */
async function child(role: string, folder: string, tier = "trusted"): Promise<void> {
  const place = (i: number, name: string) => pathToFileURL(join(folder, `p${i}`, name)).href;
  const load = (i: number) =>
    loadPlugin(place(i, "callback.plugin.json"), {
      tier: tier as "trusted",
      cacheDir: join(folder, "cache"),
    });
  // What a program has loaded before its plugins.
  await getRuntime().importModule("es-module-lexer");
  const began = performance.now();
  if (role === "plain") await getRuntime().importModule(place(0, "main.js"));
  else if (role === "one") await load(0);
  else await Promise.all(Array.from({ length: count }, (_, i) => load(i)));
  console.log(performance.now() - began);
  process.exit(0);
}

function run(folder: string, role: string, ...rest: string[]): string {
  const script = fileURLToPath(import.meta.url);
  const before = { deno: ["run", "-A", "--no-check"], bun: [], node: ["--import", "tsx"] };
  const args = [...before[getRuntime().name], script, role, folder, ...rest];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

function median(measure: () => number): number {
  return Array.from({ length: rounds }, measure).sort((a, b) => a - b)[Math.floor(rounds / 2)];
}

async function publish(folder: string, i: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const files: Record<string, { integrity: string; size: number }> = {};
  for (const [name, text] of [["main.js", source(i)], ["step.js", step]]) {
    await writeFile(join(folder, name), text);
    const bytes = new TextEncoder().encode(text);
    files[name] = { integrity: await computeIntegrity(bytes), size: bytes.length };
  }
  const manifest = {
    manifestVersion: 1,
    id: `bench/p${i}`,
    version: "1.0.0",
    title: "Bench",
    description: "Does next to nothing.",
    license: "MIT",
    authors: [{ name: "keepfit" }],
    engines: { core: ">=0.1" },
    module: "main.js",
    files,
    callbacks: [{ name: "bench", export: "default", hooks: ["onEpochEnd"], controls: [] }],
    sandbox: { support: "supported" },
    repository: "https://example.com/keepfit/keepfit",
  };
  await writeFile(join(folder, "callback.plugin.json"), JSON.stringify(manifest));
}
