/** Reads the reports of the runtimes' test runners: JUnit's XML, as each of them writes it. */
import { readFileSync } from "node:fs";

/** What {@linkcode readReport} returns. */
export interface Report {
  /** Seconds of each file. */
  seconds: [path: string, seconds: number][];
  /** The failed tests: where, and why. */
  failures: { test: string; error: string }[];
}

// Deno reports the time of each test, the others that of each file.
const times =
  /<testcase .*classname="(?:\.\/)?(?<test>[^"]+_test\.ts)" time="(?<testTime>[\d.]+)"|<testsuite name="(?<file>[^"]+_test\.ts)" file="\k<file>".* time="(?<fileTime>[\d.]+)"/g;
const failed = /<testcase (?<attributes>[^>]*)>\s*<failure[^>]*>(?<error>[^<]*)<\/failure>/g;
/** The error of a test with a failed step in Deno's report, which contains the step too. */
const isStep = /^\d+ test steps? failed/;
/** Lines of an error in a report. */
const errorLines = 25;

/** Read the report of a runtime; empty if there is none, because the runtime ended before. */
export function readReport(path: string): Report {
  let text = "";
  try {
    text = readFileSync(path, "utf8");
  } catch {
    // The exit code tells that it failed.
  }
  const seconds = new Map<string, number>();
  for (const { groups } of text.matchAll(times)) {
    const { test, testTime, file = test, fileTime = testTime } = groups as Record<string, string>;
    seconds.set(file, (seconds.get(file) ?? 0) + Number(fileTime));
  }
  const failures = [...text.matchAll(failed)].map(({ groups }) => {
    const { attributes, error } = groups as Record<string, string>;
    const [, name = ""] = /\bname="([^"]*)"/.exec(attributes) ?? [];
    const [, file] = /\b(?:file|classname)="(?:\.\/)?([^"]+_test\.ts)"/.exec(attributes) ?? [];
    const lines = decode(error).trimEnd().split("\n").slice(0, errorLines);
    return {
      test: file === undefined ? decode(name) : `${file}: ${decode(name)}`,
      error: lines.join("\n"),
    };
  });
  return { seconds: [...seconds], failures: failures.filter(({ error }) => !isStep.test(error)) };
}

const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function decode(text: string): string {
  return text.replace(
    /&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi,
    (whole, decimal, hex, name) =>
      name === undefined
        ? String.fromCodePoint(decimal === undefined ? parseInt(hex, 16) : Number(decimal))
        : entities[name] ?? whole,
  );
}
