/**
 * Measures the cost of verification in milliseconds: a load from the cache, which is hashed again,
 * compared with a plain import of the same module, as the first load of a process and after others,
 * and 50 plugins loaded concurrently. Each is measured in a separate process.
 *
 * ```sh
 * node bench/plugins.ts      # 22 or newer; or: deno run -A bench/plugins.ts, bun bench/plugins.ts
 * ```
 *
 * With `--import tsx`, which Node 20 needs, each import also passes through esbuild.
 */
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { computeIntegrity, loadPlugin, type PluginTier } from "keepfit/plugins";
import { getRuntime } from "keepfit/runtime";

const count = 50;
const rounds = 7;
const source = (i: number) =>
  `import { step } from "./step.js";
  export default () => ({ onEpochEnd(epoch) { return epoch * step + ${i}; } });`;
const step = "export const step = 10;";

const [role, folder, tier] = process.argv.slice(2);
if (role === undefined) await main();
else console.log(await child(role, folder, tier as PluginTier));
process.exit(0);

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "keepfit-bench-"));
  try {
    await publishAll(folder);
    const took = (role: string, tier = "trusted") => median(() => Number(run(folder, role, tier)));
    console.log(`${getRuntime().name} ${getRuntime().version}, medians of ${rounds} processes`);
    const print = (ms: number, what: string) =>
      console.log(`${ms.toFixed(1).padStart(8)} ms  ${what}`);
    for (const [when, suffix] of [["the first of a process", ""], ["after ten others", "-later"]]) {
      const plain = took(`plain${suffix}`);
      print(plain, `plain import, ${when}`);
      for (const tier of ["trusted", "sandboxed"]) {
        const one = took(`one${suffix}`, tier);
        print(
          one,
          `loadPlugin, ${tier}, ${when}: ${(one - plain).toFixed(1)} ms more than the import`,
        );
      }
    }
    print(took("all"), `${count} plugins concurrently, trusted`);
    print(took("all", "sandboxed"), `${count} plugins concurrently, sandboxed`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Measure in a separate process, in milliseconds. */
async function child(role: string, folder: string, tier: PluginTier): Promise<number> {
  const references: string[] = JSON.parse(await readFile(join(folder, "references.json"), "utf8"));
  const load = (i: number) => loadPlugin(references[i], { tier, cacheDir: join(folder, "cache") });
  const plain = (i: number) =>
    getRuntime().importModule(pathToFileURL(join(folder, `p${i}`, "main.js")).href);
  const [what, when] = role.split("-");
  const measured = what === "plain" ? plain : load;
  if (when === "later") { for (let i = 1; i <= 10; i++) await measured(i); }
  const began = performance.now();
  if (what === "all") await Promise.all(references.map((_, i) => load(i)));
  else await measured(0);
  return performance.now() - began;
}

/** Write all plugins, and load them once from a server to fill the cache. */
async function publishAll(folder: string): Promise<void> {
  const server = createServer((request, response) => {
    readFile(join(folder, request.url ?? "")).then(
      (bytes) => {
        const type = request.url?.endsWith(".js") ? "text/javascript" : "application/json";
        response.writeHead(200, { "content-type": type }).end(bytes);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const references: string[] = [];
  for (let i = 0; i < count; i++) {
    const integrity = await publish(join(folder, `p${i}`), i);
    references.push(`http://127.0.0.1:${port}/p${i}/callback.plugin.json#${integrity}`);
    await loadPlugin(references[i], { tier: "trusted", cacheDir: join(folder, "cache") });
  }
  await writeFile(join(folder, "references.json"), JSON.stringify(references));
  server.close();
}

function run(folder: string, role: string, ...rest: string[]): string {
  const script = fileURLToPath(import.meta.url);
  const before = { deno: ["run", "-A", "--no-check"], bun: [], node: process.execArgv };
  const args = [...before[getRuntime().name], script, role, folder, ...rest];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

function median(measure: () => number): number {
  return Array.from({ length: rounds }, measure).sort((a, b) => a - b)[Math.floor(rounds / 2)];
}

/** The integrity of the manifest. */
async function publish(folder: string, i: number): Promise<string> {
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
    description: "Does almost nothing.",
    license: "MIT",
    authors: [{ name: "keepfit" }],
    engines: { core: ">=0.1" },
    module: "main.js",
    files,
    callbacks: [{ name: "bench", export: "default", hooks: ["onEpochEnd"], controls: [] }],
    sandbox: { support: "supported" },
  };
  const text = JSON.stringify(manifest);
  await writeFile(join(folder, "callback.plugin.json"), text);
  return await computeIntegrity(new TextEncoder().encode(text));
}
