import type { ChildProcess } from "node:child_process";
import { CappedOutput, orKill, toCommandError } from "./command.ts";
import type { Runtime } from "./types.ts";

/** Run a program with `node:child_process`, which Bun has too. */
export const runNodeCommand: Runtime["runCommand"] = async (command, args, options) => {
  const { spawn } = process.getBuiltinModule("node:child_process");
  const { signals } = process.getBuiltinModule("node:os").constants;
  let child: ChildProcess;
  try {
    child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], windowsHide: true });
  } catch (error) {
    throw toCommandError(error, command);
  }
  const outputs = [child.stdout, child.stderr].map((stream) => {
    const kept = new CappedOutput(options.maxBytes);
    stream?.on("data", (bytes: Uint8Array) => kept.add(bytes));
    return kept;
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (error) => reject(toCommandError(missingOr(error, command), command)));
    child.once("close", (code, signal) => resolve(code ?? 128 + (signal ? signals[signal] : 0)));
  });
  const code = await orKill(command, ended, options, () => {
    child.kill("SIGKILL");
    // A grandchild may hold the other ends open.
    child.stdout?.destroy();
    child.stderr?.destroy();
  });
  const [stdout, stderr] = outputs.map((kept) => kept.text());
  return { code, stdout, stderr };
};

/** Node reports a missing program as forbidden if a folder of PATH cannot be searched. */
function missingOr(error: NodeJS.ErrnoException, command: string): NodeJS.ErrnoException {
  if (error.code !== "EACCES" || /[\\/]/.test(command)) return error;
  const { existsSync } = process.getBuiltinModule("node:fs");
  const { delimiter, join } = process.getBuiltinModule("node:path");
  const folders = (process.env.PATH ?? "").split(delimiter);
  if (folders.some((folder) => existsSync(join(folder, command)))) return error;
  return Object.assign(new Error(error.message, { cause: error }), { code: "ENOENT" });
}
