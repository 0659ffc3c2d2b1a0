/**
 * Checks the documentation like a newcomer: clones this repository into empty folders and runs the
 * commands of the documentation there, with an empty home folder, empty caches and one runtime on
 * PATH.
 *
 * ```sh
 * node --import tsx tests/stranger.ts
 * ```
 *
 * With `--test`, the README's test command runs last. The clone includes uncommitted changes, but
 * not untracked files.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import {
  blocksOf,
  commandsOf,
  documents,
  examples,
  inlineCommandsOf,
  reasonOf,
} from "./documents.ts";
import { root } from "./files.ts";
import { findRuntime, type RuntimeName } from "./runtimes/mod.ts";

/** A newcomer whose machine has one runtime. */
interface Stranger {
  runtime: RuntimeName;
  clone: string;
  /** Project folder in which the package is used. */
  project: string;
  /** Folder of all their files. */
  folder: string;
  env: Record<string, string>;
}

/** A row of the table. */
interface Row {
  /** Document that contains the command. */
  source: string;
  command: string;
  runtime: RuntimeName;
  seconds: number;
  /** Growth of the newcomer's folders in megabytes. */
  megabytes: number;
  /** Problems; empty if there are none. */
  faults: string[];
}

/** Expected results of a command, besides exit code 0. */
interface Expected {
  cwd?: string;
  prints?: RegExp;
  /** Files that it creates, relative to its folder. */
  leaves?: string[];
  /** Whether to print its output while it runs. */
  isShown?: boolean;
}

/** Variables that this machine needs to reach registries and to find drivers and Python. */
const kept =
  /^(npm_config_\w+|\w+_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|VK_\w+|KEEPFIT_PYTHON|CI)$/i;
const runtimeCommands = /^(node|nodejs|npm|npx|corepack|yarn|pnpm|deno|bun|bunx|tsx)$/;
/** Output that must not occur without a failure. */
const noise: [text: RegExp, meaning: string][] = [
  [/looks like you are running TensorFlow\.js in Node/, "an advertisement for tfjs-node"],
  [/XDG_RUNTIME_DIR/, "a complaint about the desktop"],
  [/Aborted\(/, "WebAssembly that was aborted"],
  [/^\s+at .+:\d+:\d+\)?$/m, "a stack trace"],
  [/(: |= )undefined\b/, "undefined"],
  [/computes on cpu, its slowest backend/, "that it trains on cpu"],
];
/** Commands of a user's project; the others belong to the repository. */
const usesPackage =
  /\/path\/to\/keepfit|your\.host|\b(npx|bunx)\b.* keepfit\b|\bnpm install [@\w]|\b(bun|deno) add\b/;
const dawn = "webgpu@0.6.2";
const fewRows = "--epochs 1 --rows 3000";
const trained: Expected = {
  prints: /Test accuracy: \d\d\.\d\d %/,
  leaves: ["runs/mnist/log.csv", "runs/mnist/best/model.json", "runs/mnist/learning-curve.svg"],
};

const { values: options } = parseArgs({ options: { test: { type: "boolean", default: false } } });
const base = mkdtempSync(join(tmpdir(), "keepfit-stranger-"));
const rows: Row[] = [];
let running: ChildProcess | undefined;
process.on("exit", () => rmSync(base, { recursive: true, force: true }));
for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  process.on(signal, () => {
    running?.kill();
    process.exit(code);
  });
}

const strangers: Record<RuntimeName, Stranger> = {
  node: meet("node"),
  deno: meet("deno"),
  bun: meet("bun"),
};
const { node, deno, bun } = strangers;
const site = await serve(`${node.clone}/dist/web`);
await walk();
site.close();
printTable();

if (options.test) await test();
process.exitCode = rows.every(({ faults }) => faults.length === 0) ? 0 : 1;

/** Run all commands of the documentation, in the order of reading. */
async function walk(): Promise<void> {
  const ran = new Set<string>();
  const runOnce = async (source: string, command: string, expected?: Expected): Promise<void> => {
    if (ran.has(command)) return;
    ran.add(command);
    await run(source, command, expected);
  };

  for (const command of tryItCommands()) await runOnce("README.md", command);
  await runOnce("README.md", "npm run build", { leaves: ["dist/npm/package.json"] });

  writeFirstProgram();
  for (const block of [...documents, ...examples].flatMap(blocksOf)) {
    if (block.language !== "sh" || block.reason !== undefined) continue;
    const commands = commandsOf(block.text).filter((one) => reasonOf(one) === undefined);
    // Commands of several runtimes are alternatives; those of one runtime are steps.
    const isSteps = new Set(commands.map((one) => strangerFor(one).runtime)).size === 1;
    for (const command of isSteps ? [commands.join("\n")] : commands) {
      await runOnce(`${block.file}:${block.line}`, command);
    }
    // Before other documents install more packages.
    if (block.file !== "README.md" || !usesPackage.test(block.text)) continue;
    const programs = [["node train.mjs", node.project], ["bun train.ts", bun.project]];
    for (const [command, cwd] of programs) {
      await runOnce("README.md, first program", command, { cwd, leaves: ["runs/readme/log.csv"] });
    }
  }
  for (const { file, line, command, reason } of documents.flatMap(inlineCommandsOf)) {
    if (reason === undefined) await runOnce(`${file}:${line}`, command);
  }
}

/** Write the README's first program, once with the package and once with modules by URL. */
function writeFirstProgram(): void {
  const program = blocksOf("README.md").find(({ language }) => language === "ts")?.text ?? "";
  writeFileSync(`${node.project}/train.mjs`, program);
  writeFileSync(`${bun.project}/train.ts`, program);
  const { dependencies } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
  const tfjs = `npm:@tensorflow/tfjs@${dependencies["@tensorflow/tfjs"]}`;
  writeFileSync(
    `${deno.project}/train.ts`,
    program.replace('"@tensorflow/tfjs"', `"${tfjs}"`).replace('"keepfit"', `"${site.url}/mod.js"`),
  );
}

/** Run the README's test command; the output of Node's runner is printed last. */
async function test(): Promise<void> {
  // Dawn has 130 MB and is not a dependency of the project. The tests find it in the parent folder
  // of the clone.
  const { code, output } = await shell(node, `npm install ${dawn}`, dirname(node.clone), false);
  if (code !== 0) console.log(`WebGPU is not tested on Node and Bun: no Dawn\n${indent(output)}`);
  const block = blocksOf("README.md").find(({ text }) => text.includes("npm test"));
  if (block === undefined) throw new Error("Cannot find the test command in README.md");
  const [command] = commandsOf(block.text);
  await run(`README.md:${block.line}`, command, { isShown: true });
}

/** The commands of the README's first table, one per runtime. */
function tryItCommands(): string[] {
  const readme = readFileSync(`${root}README.md`, "utf8");
  const cells = [...readme.matchAll(/^\| (?:Node|Deno|Bun)\b[^|]*\| `([^`]+)` +\|$/gm)];
  if (cells.length !== 3) {
    throw new Error(
      `Cannot read README.md: expected a command for each runtime, got ${cells.length}`,
    );
  }
  return cells.map(([, command]) => command);
}

/** Run a command as written, in the folder where a user would, and record the result. */
async function run(source: string, command: string, expected: Expected = {}): Promise<void> {
  const stranger = strangerFor(command);
  const { cwd = usesPackage.test(command) ? stranger.project : stranger.clone, isShown = false } =
    expected;
  let line = command.replaceAll("/path/to/keepfit", node.clone)
    .replaceAll("https://your.host/keepfit", site.url).replaceAll("your.host", site.host);
  if (/\b(run|task) train\b|\bexamples\/mnist\.ts\b/.test(line)) {
    line += ` ${line.includes("npm run") && !line.includes(" -- ") ? "-- " : ""}${fewRows}`;
    expected = { ...trained, ...expected };
  }
  console.log(`${stranger.runtime}: ${line.replaceAll("\n", " && ")}`);
  const before = sizeOf(stranger.folder);
  const start = performance.now();
  const { code, output } = await shell(stranger, line, cwd, isShown);
  const seconds = (performance.now() - start) / 1000;

  const faults = code === 0 ? [] : [`ended with ${code}`];
  if (expected.prints && !expected.prints.test(output)) {
    faults.push(`did not print ${expected.prints}`);
  }
  for (const path of expected.leaves ?? []) {
    if (!existsSync(join(cwd, path))) faults.push(`left no ${path}`);
  }
  if (!isShown) {
    faults.push(
      ...noise.filter(([text]) => text.test(output)).map(([, what]) => `printed ${what}`),
    );
  }
  if (faults.length > 0 && !isShown) console.log(indent(output));
  const megabytes = (sizeOf(stranger.folder) - before) / 2 ** 20;
  rows.push({ source, command, runtime: stranger.runtime, seconds, megabytes, faults });
}

/** The newcomer with the runtime of a command. */
function strangerFor(command: string): Stranger {
  const [, first] = /^(?:\w+=\S+ +)*(\w+)/.exec(command) ?? [];
  if (first === "deno") return deno;
  return first === "bun" || first === "bunx" ? bun : node;
}

function shell(
  { env }: Stranger,
  line: string,
  cwd: string,
  isShown: boolean,
): Promise<{ code: number | null; output: string }> {
  const child = spawn("sh", ["-e", "-c", line], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  running = child;
  let output = "";
  for (
    const [from, to] of [[child.stdout, process.stdout], [child.stderr, process.stderr]] as const
  ) {
    from.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (isShown) to.write(text);
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}

/** Create a newcomer with a clone, an empty home folder and a PATH with this runtime only. */
function meet(runtime: RuntimeName): Stranger {
  const found = findRuntime(runtime);
  if ("reason" in found) throw new Error(`Cannot be a stranger with ${runtime}: ${found.reason}`);
  const folder = `${base}/${runtime}`;
  const commands = `${folder}/commands`;
  for (const one of [commands, `${folder}/home`, `${folder}/project`, `${folder}/tmp`]) {
    mkdirSync(one, { recursive: true });
  }
  for (const directory of ["/usr/bin", "/bin"].filter(existsSync)) {
    for (const name of readdirSync(directory)) {
      if (!runtimeCommands.test(name)) link(`${directory}/${name}`, `${commands}/${name}`);
    }
  }
  const names = { node: ["node", "npm", "npx"], deno: ["deno"], bun: ["bun", "bunx"] }[runtime];
  for (const name of names) {
    const path = runtime === "node" && name !== "node" ? name : found.command;
    link(realpathSync(whereIs(path)), `${commands}/${name}`);
  }
  // The clone is in a separate folder, so that packages installed beside it are not above temporary
  // folders.
  const clone = `${folder}/clones/keepfit`;
  git(["clone", "--quiet", "--no-hardlinks", root, clone]);
  const changes = git(["diff", "--binary", "HEAD"]);
  if (changes.length > 0) git(["apply", "--index"], clone, changes);

  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => kept.test(name))),
    PATH: commands,
    HOME: `${folder}/home`,
    TMPDIR: `${folder}/tmp`,
  } as Record<string, string>;
  return { runtime, clone, project: `${folder}/project`, folder, env };
}

function link(target: string, path: string): void {
  if (!existsSync(path)) symlinkSync(target, path);
}

/** The path of a command on PATH. */
function whereIs(command: string): string {
  const directories = command.includes("/") ? [""] : (process.env.PATH ?? "").split(":");
  const found = directories.map((directory) => join(directory, command)).find((path) =>
    existsSync(path)
  );
  if (found === undefined) throw new Error(`Cannot find ${command} on PATH`);
  return found;
}

function git(args: string[], cwd = root, input?: Uint8Array): Uint8Array {
  const { status, stdout, stderr } = spawnSync("git", args, { cwd, input, maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`Cannot run git ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Size of all files in a folder in bytes. */
function sizeOf(folder: string): number {
  let size = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) size += sizeOf(path);
    else if (entry.isFile()) size += lstatSync(path).size;
  }
  return size;
}

/** Serve a folder like any static host. */
async function serve(folder: string): Promise<{ url: string; host: string; close(): void }> {
  const types: Record<string, string> = { js: "text/javascript", json: "application/json" };
  const server: Server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const path = join(folder, pathname);
    const isThere = existsSync(path) && lstatSync(path).isFile();
    const type = types[path.slice(path.lastIndexOf(".") + 1)] ?? "text/plain";
    response.writeHead(isThere ? 200 : 404, { "content-type": type });
    response.end(isThere ? readFileSync(path) : "not found");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () => {
    server.closeAllConnections?.();
    server.close();
  };
  return { url: `http://${host}`, host, close };
}

function printTable(): void {
  const lines = rows.map(({ source, command, runtime, seconds, megabytes, faults }) => [
    faults.length === 0 ? "ok" : "FAILED",
    runtime,
    seconds.toFixed(1),
    megabytes.toFixed(0),
    command.replaceAll("\n", " && "),
    source,
  ]);
  const table = [["", "runtime", "seconds", "MB", "command", "from"], ...lines];
  const widths = table[0].map((_, i) => Math.max(...table.map((cells) => cells[i].length)));
  console.log();
  for (const cells of table) {
    console.log(cells.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd());
  }
  for (const { command, runtime, faults } of rows) {
    if (faults.length > 0) console.error(`\n${runtime}: ${command}\n  ${faults.join("\n  ")}`);
  }
}

function indent(text: string): string {
  return text.trimEnd().split("\n").slice(-40).map((line) => `    ${line}`).join("\n");
}
