/**
 * The test command: every `*_test.ts` of the repository on Deno, Bun and Node, Node last. It closes
 * with the failed tests, the slowest files and Node's own summary.
 *
 * ```sh
 * npm test                                     # or: deno task test
 * npm test -- core tests/house_test.ts         # files whose path begins so
 * npm test -- --runtime=bun,node
 * ```
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { listFiles, root } from "./files.ts";
import { readReport, type Report } from "./report.ts";
import {
  findRuntime,
  type InstalledRuntime,
  type RuntimeName,
  runtimeNames,
} from "./runtimes/mod.ts";

/** Matches the number of passed tests in the last lines of each runtime. */
const passedCount: Record<RuntimeName, RegExp> = {
  deno: /^ok \| (?:\d+ passed \(|(?=\d+ passed \|))(\d+)/gm,
  bun: /^\s*(\d+) pass$/gm,
  node: /^[#ℹ] pass (\d+)$/gm,
};
/** The line with which Node's summary begins. */
// deno-lint-ignore no-control-regex
const summaryBegin = /^(?:\x1b\[\d+m)?[#ℹ] tests \d+/m;
/** Number of the slowest files to print. */
const slowest = 5;
// Node counts a file without tests as a test that passes.
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
  fail(`Cannot test ${positionals.join(" ")}: no *_test.ts has a path that begins with it`);
}

// Threads that were terminated in an endless loop continue for a while, and would slow down other
// tests.
const isHostile = (path: string) => path.startsWith("tests/hostile/");
const parts = [files.filter(isHostile), files.filter((path) => !isHostile(path))]
  .filter((part) => part.length > 0);

const reports = mkdtempSync(join(tmpdir(), "keepfit-tests-"));
process.on("exit", () => rmSync(reports, { recursive: true, force: true }));

const failures: string[] = [];
const failedTests: string[] = [];
const times: string[] = [];
let closing = "";
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
  const partSeconds: number[] = [];
  const fileSeconds: [path: string, seconds: number][] = [];
  for (const part of parts) {
    process.stdout.write(closing);
    const ended = await test(runtime, part);
    code ||= ended.code;
    passed += ended.passed;
    closing = ended.closing;
    partSeconds.push(ended.seconds);
    fileSeconds.push(...ended.report.seconds);
    for (const { test, error } of ended.report.failures) {
      failedTests.push(`${label}: ${test}\n${error.replace(/^/gm, "    ")}`);
    }
  }
  const sum = partSeconds.map((seconds) => seconds.toFixed()).join(" + ");
  times.push(`${label}: ${sum} seconds, the slowest files:`);
  for (const [path, seconds] of fileSeconds.sort(([, a], [, b]) => b - a).slice(0, slowest)) {
    times.push(`  ${seconds.toFixed(1).padStart(6)}  ${path}`);
  }
  if (code !== 0) failures.push(`${label}: failed with exit code ${code}`);
  else if (passed === 0) failures.push(`${label}: executed no test`);
  else if (name !== "node") console.log(`${label}: passed ${passed} tests`);
}
if (failedTests.length > 0) console.log(`\nFailed tests:\n${failedTests.join("\n")}`);
console.log(`\n${times.join("\n")}`);
// Node's summary is printed last.
process.stdout.write(closing);
if (failures.length > 0) fail(failures.join("\n"));

interface Ended {
  code: number;
  passed: number;
  seconds: number;
  report: Report;
  /** Node's summary, which is printed later; empty for the others. */
  closing: string;
}

/** Run files in one process of a runtime, and print its output. */
function test(runtime: InstalledRuntime, files: string[]): Promise<Ended> {
  const began = performance.now();
  const report = join(reports, `${runtime.name}-${times.length}-${files.length}.xml`);
  const child = spawn(runtime.command, testArguments(runtime.name, files, report), {
    cwd: root,
    env: testEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let shown = 0;
  let isClosing = false;
  /** Print all complete lines except Node's summary. */
  const show = () => {
    if (isClosing) return;
    const end = output.lastIndexOf("\n") + 1;
    const lines = output.slice(shown, end);
    const at = runtime.name === "node" ? lines.search(summaryBegin) : -1;
    isClosing = at >= 0;
    const showing = isClosing ? lines.slice(0, at) : lines;
    shown += showing.length;
    process.stdout.write(showing);
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    show();
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
    process.stderr.write(text);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const text = stripVTControlCharacters(`${output}\n${errors}`);
      const counts = [...text.matchAll(passedCount[runtime.name])].map(([, count]) =>
        Number(count)
      );
      const empty = runtime.name === "node" ? [...text.matchAll(emptyFile)].length : 0;
      const passed = counts.reduce((sum, count) => sum + count, 0) - empty;
      if (signal !== null) console.error(`${runtime.name} was ended by ${signal}`);
      if (!isClosing) process.stdout.write(output.slice(shown));
      resolve({
        code: code ?? 1,
        passed,
        seconds: (performance.now() - began) / 1000,
        report: readReport(report),
        closing: isClosing ? output.slice(shown) : "",
      });
    });
  });
}

/** The environment of the tests, without the settings of this machine's user. */
function testEnvironment(): NodeJS.ProcessEnv {
  const kept = ["KEEPFIT_LONG", "KEEPFIT_PYTHON"];
  const own = Object.entries(process.env).filter(([name]) =>
    name !== "FORCE_COLOR" && (kept.includes(name) || !name.startsWith("KEEPFIT_"))
  );
  // Their servers are on this machine, which proxies cannot reach.
  const { no_proxy, NO_PROXY = no_proxy } = process.env;
  const direct = [...(NO_PROXY ? [NO_PROXY] : []), "127.0.0.1", "localhost"].join(",");
  return { ...Object.fromEntries(own), NO_PROXY: direct, no_proxy: direct };
}

function testArguments(name: RuntimeName, files: string[], report: string): string[] {
  const jobs = Math.min(availableParallelism(), 4);
  switch (name) {
    case "deno":
      return ["test", "--no-check", "-A", "--parallel", `--junit-path=${report}`, ...files];
    case "bun":
      // Disables Bun's limit of 5 seconds per test, which the other two runtimes lack.
      return [
        "test",
        "--timeout=600000",
        `--parallel=${jobs}`,
        "--reporter=junit",
        `--reporter-outfile=${report}`,
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
        "--test-reporter-destination=stdout",
        `--test-reporter=${new URL("node_reporter.mjs", import.meta.url)}`,
        `--test-reporter-destination=${report}`,
        ...files,
      ];
    }
  }
}

function fail(message: string): never {
  console.error(`\n${message}`);
  process.exit(1);
}
