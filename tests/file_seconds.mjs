/**
 * A reporter for Node's test runner, in whose own reports no file has a time: lines as in Bun's, a
 * file and its seconds. JavaScript, because Node loads reporters before any loader of TypeScript.
 */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

export default async function* (events) {
  const seconds = new Map();
  for await (const { type, data } of events) {
    if (!/^test:(pass|fail)$/.test(type) || data.nesting > 0 || data.file === undefined) continue;
    const path = relative(root, data.file);
    seconds.set(path, (seconds.get(path) ?? 0) + data.details.duration_ms / 1000);
  }
  for (const [path, time] of seconds) {
    yield `<testsuite name="${path}" file="${path}" time="${time}"/>\n`;
  }
}
