/**
 * The test command: every `*_test.ts` of the repository on Deno, Bun and Node, Node last.
 *
 * ```sh
 * npm test                                     # or: deno task test
 * npm test -- core tests/house_test.ts         # files whose path begins so
 * npm test -- --runtime=bun,node
 * ```
 */
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import process from "node:process";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { listFiles, root } from "./files.ts";
import {
  findRuntime,
  type InstalledRuntime,
  type RuntimeName,
  runtimeNames,
} from "./runtimes/mod.ts";

/** Where each runtime's last lines say how many tests passed. */
const passedCount: Record<RuntimeName, RegExp> = {
  deno: /^ok \| (?:\d+ passed \(|(?=\d+ passed \|))(\d+)/gm,
  bun: /^\s*(\d+) pass$/gm,
  node: /^[#ℹ] pass (\d+)$/gm,
};
// Node takes a file without tests for a test that passes.
const emptyFile = /^(?:ok \d+ -|✔) \S+_test\.ts\b/gm;

const { values, positionals } = parseArgs({
  options: { runtime: { type: "string" } },
  allowPositionals: true,
});
const asked = values.runtime?.split(",");
const unknown = asked?.find((name) => !runtimeNames.includes(name as RuntimeName));
if (unknown !== undefined) {
  fail(`Cannot test on '${unknown}': --runtime takes ${runtimeNames.join(", ")}`);
}
const beginnings = positionals.map((path) => path.replace(/^\.\//, ""));
const files = listFiles().filter((path) =>
  path.endsWith("_test.ts") &&
  (beginnings.length === 0 || beginnings.some((beginning) => path.startsWith(beginning)))
);
if (files.length === 0) {
  fail(`Cannot test ${positionals.join(" ")}: no *_test.ts has a path that begins so`);
}

// Threads that were ended in an endless loop go on for a while, and would slow down the others.
const isHostile = (path: string) => path.startsWith("tests/hostile/");
const parts = [files.filter(isHostile), files.filter((path) => !isHostile(path))]
  .filter((part) => part.length > 0);

const failures: string[] = [];
for (const name of runtimeNames) {
  if (asked !== undefined && !asked.includes(name)) continue;
  const runtime = findRuntime(name);
  if ("reason" in runtime) {
    console.log(`\n${name}: skipped, ${runtime.reason}`);
    if (asked !== undefined) failures.push(`${name}: ${runtime.reason}`);
    continue;
  }
  const label = `${name} ${runtime.version}`;
  console.log(`\n${label}: ${files.length} test files`);
  let code = 0;
  let passed = 0;
  for (const part of parts) {
    const ended = await test(runtime, part);
    code ||= ended.code;
    passed += ended.passed;
  }
  if (code !== 0) failures.push(`${label}: failed with exit code ${code}`);
  else if (passed === 0) failures.push(`${label}: executed no test`);
  // Node closes with a summary of its own, which stays the last thing that is printed.
  else if (name !== "node") console.log(`${label}: passed ${passed} tests`);
}
if (failures.length > 0) fail(failures.join("\n"));

/** Run files on one runtime, in one process, showing what it prints. */
function test(
  runtime: InstalledRuntime,
  files: string[],
): Promise<{ code: number; passed: number }> {
  const child = spawn(runtime.command, testArguments(runtime.name, files), {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    process.stderr.write(text);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const text = stripVTControlCharacters(output);
      const counts = [...text.matchAll(passedCount[runtime.name])].map(([, count]) =>
        Number(count)
      );
      const empty = runtime.name === "node" ? [...text.matchAll(emptyFile)].length : 0;
      const passed = counts.reduce((sum, count) => sum + count, 0) - empty;
      if (signal !== null) console.error(`${runtime.name} was ended by ${signal}`);
      resolve({ code: code ?? 1, passed });
    });
  });
}

function testArguments(name: RuntimeName, files: string[]): string[] {
  const jobs = Math.min(availableParallelism(), 4);
  switch (name) {
    case "deno":
      return ["test", "--no-check", "-A", "--parallel", ...files];
    case "bun":
      // Its limit of 5 seconds a test is unknown to the other two.
      return [
        "test",
        "--timeout=600000",
        `--parallel=${jobs}`,
        ...files.map((file) => `./${file}`),
      ];
    case "node": {
      const reporter = process.stdout.isTTY ? "spec" : "tap";
      return [
        "--import",
        "tsx",
        "--test",
        `--test-concurrency=${jobs}`,
        `--test-reporter=${reporter}`,
        ...files,
      ];
    }
  }
}

function fail(message: string): never {
  console.error(`\n${message}`);
  process.exit(1);
}
