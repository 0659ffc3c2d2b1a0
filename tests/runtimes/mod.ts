import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import process from "node:process";

/** The runtimes that keepfit is tested on, in the order of the test command: Node last. */
export const runtimeNames = ["deno", "bun", "node"] as const;

/** One of {@linkcode runtimeNames}. */
export type RuntimeName = (typeof runtimeNames)[number];

/** A runtime that can be started. */
export interface InstalledRuntime {
  name: RuntimeName;
  /** The executable. */
  command: string;
  version: string;
}

/** Why a runtime cannot be started on this machine. */
export interface MissingRuntime {
  name: RuntimeName;
  reason: string;
}

const folder = fileURLToPath(new URL(".", import.meta.url));

/**
 * Find a runtime: the one that runs this, else on PATH, else in this folder, where npm installs it
 * the first time.
 *
 * @throws Error when npm is there and cannot install it
 */
export function findRuntime(name: RuntimeName): InstalledRuntime | MissingRuntime {
  if (name === currentRuntime) return { name, command: process.execPath, version: currentVersion };
  const own = `${folder}node_modules/.bin/${name}`;
  for (const command of [name, own]) {
    const version = versionOf(name, command);
    if (version !== undefined) return { name, command, version };
  }
  if (name === "node") return { name, reason: "node is not on PATH" };
  if (spawnSync("npm", ["--version"]).status !== 0) {
    return { name, reason: `${name} is not on PATH, and there is no npm to install it` };
  }
  console.log(`${name} is not on PATH: installing it into tests/runtimes`);
  const { status } = spawnSync("npm", ["ci", "--prefix", folder], { stdio: "inherit" });
  const version = versionOf(name, own);
  if (version === undefined) {
    throw new Error(
      `Cannot install ${name} with npm ci --prefix tests/runtimes (exit code ${status}): ` +
        `put ${name} on PATH or leave it out with --runtime`,
    );
  }
  return { name, command: own, version };
}

/**
 * How Deno starts a program of this repository. It installs nothing, which the tests' own process
 * has done: of waiting for another that installs it would tell on the program's standard error.
 */
export const denoRun = ["run", "--no-check", "--node-modules-dir=manual"];

/** The arguments by which a runtime runs a TypeScript file with every permission. */
export function scriptArguments(name: RuntimeName, file: string): string[] {
  switch (name) {
    case "deno":
      return [...denoRun, "-A", file];
    case "bun":
      return [file];
    case "node":
      return ["--import", "tsx", file];
  }
}

/** The runtime that runs this. */
export const currentRuntime: RuntimeName = process.versions.deno !== undefined
  ? "deno"
  : process.versions.bun !== undefined
  ? "bun"
  : "node";
const currentVersion = process.versions[currentRuntime] as string;

// How each answers --version. Deno answers for a node that is not there.
const answers: Record<RuntimeName, RegExp> = {
  deno: /^deno (\d+\S+)/,
  bun: /^(\d+\S+)/,
  node: /^v(\d+\S+)/,
};

function versionOf(name: RuntimeName, command: string): string | undefined {
  const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
  return status === 0 ? stdout.match(answers[name])?.[1] : undefined;
}
