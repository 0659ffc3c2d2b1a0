/** Runs the command in a process of the current runtime. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { getRuntime } from "keepfit/runtime";
import { root } from "./files.ts";
import { denoRun } from "./runtimes/mod.ts";

/** How the command ended. */
export interface Ended {
  code: number | null;
  output: string;
  errors: string;
}

/** A running command. */
export interface Started {
  ended: Promise<Ended>;
  /** Wait until it has printed a text, and return its output; rejects if it ends first. */
  says(text: string): Promise<string>;
  /** Press Ctrl-C. */
  end(): void;
}

const runtimeArguments = {
  deno: [...denoRun, "-A", "--config", join(root, "deno.json")],
  bun: [],
  node: ["--import", String(new URL("../node_modules/tsx/dist/loader.mjs", import.meta.url))],
}[getRuntime().name];

/** Arguments between the runtime's executable and those of the command. */
export const command: readonly string[] = [...runtimeArguments, join(root, "cli/keepfit.ts")];

/** Start the command. */
export function start(...args: string[]): Started {
  return startIn(root, args);
}

/** Start the command in a folder, with additional environment variables. */
export function startIn(
  cwd: string,
  args: string[],
  env: Record<string, string> = {},
): Started {
  const child = spawn(process.execPath, [...command, ...args], {
    cwd,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0", ...env },
  });
  let output = "";
  let errors = "";
  const waiting: (() => void)[] = [];
  child.stderr.on("data", (data) => errors += data);
  child.stdout.on("data", (data) => {
    output += data;
    for (const look of waiting) look();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output, errors }));
  });
  const says = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => output.includes(text) && resolve(output);
      waiting.push(look);
      look();
      ended.then(() => reject(new Error(`it ended without printing ${text}: ${output}${errors}`)));
    });
  // Not child.kill(): after that, Deno 2.9 reports the signal and not the exit code.
  return { ended, says, end: () => process.kill(child.pid as number, "SIGINT") };
}
