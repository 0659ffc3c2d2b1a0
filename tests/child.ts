import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { getRuntime } from "keepfit/runtime";
import { denoRun } from "./runtimes/mod.ts";

/** How a child process ended. */
export interface ChildResult {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** Options of {@linkcode startChild}. */
export interface ChildOptions {
  args?: string[];
  env?: Record<string, string>;
  /** Permission flags for Deno; ignored by the other runtimes. Default: `["-A"]`. */
  permissions?: string[];
  /** Config file of Deno. Default: this repository's. */
  config?: string;
  /** Texts of files beside the module, by name. Default: none. */
  files?: Record<string, string>;
  /** Path of the module. Default: a path in a new folder, which is removed at the end. */
  main?: string;
}

const house = fileURLToPath(new URL("../", import.meta.url));

/**
 * Run a module in a new process of the current runtime. `keepfit/runtime` and `keepfit/plugins` in
 * its text are replaced by the modules of this repository.
 */
export function startChild(
  module: string,
  {
    args = [],
    env = {},
    permissions = ["-A"],
    config = `${house}deno.json`,
    files = {},
    main,
  }: ChildOptions = {},
): { child: ChildProcess; result: Promise<ChildResult>; printed(text: string): Promise<void> } {
  const directory = mkdtempSync(join(tmpdir(), "keepfit-child-"));
  const file = main ?? join(directory, "child.mjs");
  const room = (name: string) =>
    JSON.stringify(
      String(new URL(`../${name}/${name === "runtime" ? "public" : "mod"}.ts`, import.meta.url)),
    );
  const text = module.replace(/"keepfit\/(runtime|plugins)"/g, (_, name) => room(name));
  writeFileSync(file, text);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const flags = {
    deno: [...denoRun, "--no-prompt", `--config=${config}`, ...permissions],
    bun: [],
    node: ["--import", "tsx"],
  }[getRuntime().name];
  // Deno's spawn adds -A if the command is Deno; it does not recognize another name.
  const executable = join(directory, "runtime");
  symlinkSync(process.execPath, executable);
  const child = spawn(executable, [...flags, file, ...args], {
    cwd: house,
    env: { ...process.env, ...env },
  });
  let stdout = "";
  let stderr = "";
  const waiting: (() => void)[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    for (const look of waiting) look();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
  const result = new Promise<ChildResult>((resolve) => {
    child.on("close", (code, signal) => {
      rmSync(directory, { recursive: true, force: true });
      resolve({ code, signal, stdout, stderr });
    });
  });
  const printed = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => stdout.includes(text) && resolve();
      waiting.push(look);
      look();
      result.then(() => reject(new Error(`the child ended without printing ${text}: ${stderr}`)));
    });
  return { child, result, printed };
}
