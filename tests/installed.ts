/** The npm package of keepfit, built and installed. */
import { mkdir, readdir, symlink } from "node:fs/promises";
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { root } from "./files.ts";
import { currentRuntime, scriptArguments } from "./runtimes/mod.ts";

/** Build keepfit's npm package into a folder, on the current runtime. */
export async function buildPackage(folder: string): Promise<void> {
  const build = scriptArguments(currentRuntime, join(root, "build/npm.ts"));
  await promisify(execFile)(process.execPath, [...build, folder], { cwd: root });
}

/**
 * Install keepfit's npm package in a folder, with the packages of this repository. The build in the
 * repository is not used or changed, because it may be outdated and other tests may use it.
 *
 * @returns the command of the package, on the current runtime
 */
export async function installPackage(folder: string): Promise<string[]> {
  const modules = join(folder, "node_modules");
  await mkdir(modules);
  await buildPackage(join(modules, "keepfit"));
  for (const name of await readdir(join(root, "node_modules"))) {
    await symlink(join(root, "node_modules", name), join(modules, name));
  }
  return [
    process.execPath,
    ...currentRuntime === "deno" ? ["run", "-A", "--node-modules-dir=manual"] : [],
    join(modules, "keepfit/cli/keepfit.js"),
  ];
}
