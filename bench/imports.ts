/**
 * Measures the import of keepfit's built npm package after TensorFlow.js: processor time of whole
 * processes with and without it, and of the import within a process, which varies less. Medians of
 * processes that alternate.
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

/** A program, which prints `cpuUsage`, and how to measure a process of it. */
async function program(file: string, code: string): Promise<() => Promise<Times>> {
  const print = `const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ cpu: (user + system) / 1000, wall: 0 }));
`;
  await writeFile(join(folder, file), `import process from "node:process";\n${code}\n${print}`);
  const flags = name === "deno" ? ["run", "-A", "--node-modules-dir=manual"] : [];
  return async () => JSON.parse(run([...flags, join(folder, file)]));
}

/** Imports that are measured from the start of the process. */
const fromStart = (...packages: string[]) =>
  [...packages.map((one) => `import "${one}";`), "let before;"].join("\n");

/** An import that is measured by itself, after TensorFlow.js. */
const alone = (one: string) =>
  `import "@tensorflow/tfjs";
const before = process.cpuUsage();
await import("${one}");`;

try {
  await install();
  const [tfjs, both, all, one] = await inTurns([
    await program("tfjs.mjs", fromStart("@tensorflow/tfjs")),
    await program("both.mjs", fromStart("@tensorflow/tfjs", "keepfit")),
    await program("all.mjs", alone("keepfit")),
    await program("one.mjs", alone("keepfit/callbacks/early_stopping")),
  ], rounds);
  const print = (ms: number, what: string) => console.log(`${ms.toFixed(0).padStart(5)}  ${what}`);
  console.log(`${name} ${version}; milliseconds of processor time`);
  print(tfjs.cpu, "a process that imports @tensorflow/tfjs");
  print(both.cpu - tfjs.cpu, "more, if it also imports keepfit");
  print(all.cpu, "the import of keepfit");
  print(one.cpu, "the import of keepfit/callbacks/early_stopping");
} finally {
  await rm(folder, { recursive: true });
}
