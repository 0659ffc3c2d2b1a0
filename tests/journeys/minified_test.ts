import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { getRuntime } from "keepfit/runtime";
import { root } from "../files.ts";

const program = join(root, "tests/journeys/minified_program.ts");
const runtime = getRuntime().name;

/** Bundlers of the runtimes that bundle and minify the program; Node uses esbuild. */
const bundlers = {
  // For its own target, Bun omits the import side effects of tfjs's backends.
  bun: (outfile: string) =>
    run(["build", "--minify", "--target=node", `--outfile=${outfile}`, program]),
  deno: (outfile: string) =>
    run([
      "bundle",
      "--quiet",
      "--minify",
      "--config",
      join(root, "deno.json"),
      "-o",
      outfile,
      program,
    ]),
  node: async (outfile: string) => {
    const { build } = await import("esbuild");
    await build({
      entryPoints: [program],
      outfile,
      bundle: true,
      minify: true,
      platform: "node",
      format: "esm",
      logLevel: "error",
      banner: {
        js:
          `import { createRequire } from "node:module";const require = createRequire(import.meta.url);`,
      },
    });
  },
};

/** Output of the program. */
interface Result {
  isMine: boolean;
  bars: number;
  resumed: { epochs: number[]; count: number };
  states: string[];
  timed: string[];
  order: string[];
  failure: string;
  metrics: string[];
  warnings: string[];
}

function run(args: string[]): string {
  return execFileSync(process.execPath, args, {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}

describe("A bundled and minified program", () => {
  const folder = mkdtempSync(join(tmpdir(), "keepfit-minified-"));
  const outfile = join(folder, "program.mjs");
  let output = "";
  let result: Result;

  before(async () => {
    await bundlers[runtime](outfile);
    output = run([...(runtime === "deno" ? ["run", "-A", "--no-config"] : []), outfile]);
    result = JSON.parse(/^RESULT (.*)$/m.exec(output)?.[1] ?? "null");
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("A minified program has classes under other names", () => {
    assert.doesNotMatch(readFileSync(outfile, "utf8"), /class (EarlyStopping|History|Counter)\b/);
  });

  it("A minified program returns the History and draws the bar that were passed", () => {
    assert.equal(result.isMine, true);
    assert.equal(result.bars, 1);
    assert.doesNotMatch(output, /\/step/);
  });

  it("A minified program resumes with History and the states of its classes", () => {
    assert.deepEqual(result.resumed, { epochs: [0, 1, 2, 3], count: 4 });
    assert.deepEqual(result.states, [
      "Counter",
      "EarlyStopping (monitor loss, mode min)",
      "History",
    ]);
  });

  it("A minified program names callbacks in timings, orders and messages", () => {
    assert.deepEqual(result.timed, ["Bar", "History"]);
    assert.deepEqual(result.order, ["Counter", "EarlyStopping", "History"]);
    assert.match(
      result.failure,
      /^Callback EarlyStopping failed in onTrainBegin: .*EarlyStopping should/,
    );
  });

  it("A minified program warns about a metric passed as a function, but not as text", () => {
    assert.equal(result.metrics.length, 3);
    assert.ok(result.metrics.includes("precision"));
    const [, warning, ...others] = result.warnings;
    assert.match(
      warning,
      /^keepfit: a metric is logged as '[\w$]+', the name that a minifier gave/,
    );
    assert.deepEqual(others, []);
  });

  it("A minified program warns about an unknown option, but not in a subclass", () => {
    assert.deepEqual(result.warnings.slice(0, 1), [
      "keepfit: EarlyStopping has no option 'pacience', which is ignored: did you mean 'patience'?",
    ]);
  });
});
