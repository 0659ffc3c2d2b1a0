/**
 * Measures the import of keepfit's built npm package: processor time of new processes that import
 * TensorFlow.js alone, or also keepfit. Medians of processes that alternate.
 *
 * ```sh
 * node --import tsx bench/imports.ts       # or: deno run -A bench/imports.ts, bun bench/imports.ts
 * ```
 */
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { getRuntime } from "keepfit/runtime";
import { inTurns, type Times } from "./pair.ts";

const rounds = 25;
const root = fileURLToPath(new URL("../", import.meta.url));
const { name, version } = getRuntime();
const folder = await mkdtemp(join(tmpdir(), "keepfit-bench-"));
const modules = join(folder, "node_modules");

/** Build the package and install it beside the packages of this repository. */
async function install(): Promise<void> {
  await mkdir(modules);
  for (const one of await readdir(`${root}node_modules`)) {
    await symlink(`${root}node_modules/${one}`, join(modules, one));
  }
  run([
    ...(name === "deno" ? ["run", "-A"] : process.execArgv),
    `${root}build/npm.ts`,
    join(modules, "keepfit"),
  ]);
}

function run(args: string[]): string {
  const options = { cwd: name === "deno" ? undefined : root, encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
  if (status !== 0) throw new Error(`${args.join(" ")} failed: ${stderr}`);
  return stdout;
}

/** A program that imports packages, and how to measure a process of it. */
async function program(file: string, packages: string[]): Promise<() => Promise<Times>> {
  const imports = packages.map((one) => `import "${one}";\n`).join("");
  await writeFile(
    join(folder, file),
    `import process from "node:process";
${imports}
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ cpu: (user + system) / 1000, wall: performance.now() }));
`,
  );
  const flags = name === "deno" ? ["run", "-A", "--node-modules-dir=manual"] : [];
  return async () => JSON.parse(run([...flags, join(folder, file)]));
}

const tfjs = "@tensorflow/tfjs";
try {
  await install();
  const [alone, all, one] = await inTurns([
    await program("alone.mjs", [tfjs]),
    await program("all.mjs", [tfjs, "keepfit"]),
    await program("one.mjs", [tfjs, "keepfit/callbacks/early_stopping"]),
  ], rounds);
  const print = (ms: number, what: string) => console.log(`${ms.toFixed(0).padStart(5)}  ${what}`);
  console.log(`${name} ${version}; milliseconds of processor time`);
  print(alone.cpu, "import of @tensorflow/tfjs");
  print(all.cpu - alone.cpu, "more with keepfit");
  print(one.cpu - alone.cpu, "more with keepfit/callbacks/early_stopping alone");
} finally {
  await rm(folder, { recursive: true });
}
