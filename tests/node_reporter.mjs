/**
 * A reporter for Node's test runner, in whose own reports no file has a time: lines as in Bun's, one
 * for each file and for each failed test. JavaScript, because Node loads reporters before any loader
 * of TypeScript.
 */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));

export default async function* (events) {
  const seconds = new Map();
  for await (const { type, data } of events) {
    if (!/^test:(pass|fail)$/.test(type) || data.file === undefined) continue;
    const path = relative(root, data.file);
    const { error, duration_ms } = data.details;
    if (data.nesting === 0) seconds.set(path, (seconds.get(path) ?? 0) + duration_ms / 1000);
    // A suite fails with its tests.
    if (type === "test:fail" && error?.failureType !== "subtestsFailed") {
      const text = inspect(error?.cause ?? error);
      const test = `name="${escape(data.name)}" file="${path}"`;
      yield `<testcase ${test}><failure>${escape(text)}</failure></testcase>\n`;
    }
  }
  for (const [path, time] of seconds) {
    yield `<testsuite name="${path}" file="${path}" time="${time}"/>\n`;
  }
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
