/**
 * Runs all checks that must pass before a commit: format, lint, types, examples of the
 * documentation, tests/stranger.ts and all tests.
 *
 * ```sh
 * npm run ok                  # or: deno task ok
 * npm run ok -- --checks      # format, lint, types and examples alone
 * ```
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { listFiles, root } from "./files.ts";
import { findRuntime } from "./runtimes/mod.ts";

const deno = findRuntime("deno");
if ("reason" in deno) {
  console.error(`Cannot check format, lint, types and examples: ${deno.reason}`);
  process.exit(1);
}

// Deno also runs each of these files, so that only files with an example are passed, and no tests.
const documented = listFiles().filter((path) =>
  /(?<!_test)\.ts$|\.md$/.test(path) && !/^(tests|bench|build|examples)\//.test(path) &&
  readFileSync(root + path, "utf8").includes("```ts")
);
const checks: [title: string, ...args: string[]][] = [
  ["format", "fmt", "--check"],
  ["lint", "lint"],
  ["types", "check", "."],
  ["examples in the documentation", "test", "--doc", "-A", "--parallel", ...documented],
];
const failed = checks.filter(([title, ...args]) => {
  console.log(`\n${title}: deno ${args.slice(0, 2).join(" ")}`);
  const began = performance.now();
  const { status } = spawnSync(deno.command, args, { cwd: root, stdio: "inherit" });
  console.log(`${title}: ${((performance.now() - began) / 1000).toFixed()} seconds`);
  return status !== 0;
});
if (failed.length > 0) {
  console.error(`\nNot ok: ${failed.map(([title]) => title).join(", ")}`);
  process.exit(1);
}
if (!process.argv.includes("--checks")) {
  await import("./stranger.ts");
  if (process.exitCode) process.exit();
  await import("./run.ts");
}
