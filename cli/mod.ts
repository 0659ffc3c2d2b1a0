/**
 * The `keepfit` command as a function.
 *
 * @module
 */
import { serveHub } from "../hub/mod.ts";
import { version } from "../plugins/version.ts";
import { getRuntime, interruptSignal } from "../runtime/mod.ts";
import { parseArguments, UsageError } from "./arguments.ts";
import { packPlugin } from "./pack.ts";

const usage = `keepfit ${version}: callbacks for TensorFlow.js, and plugins of them

Usage:
  keepfit hub DIR [--host ADDRESS] [--port NUMBER]
      Serve the plugins in DIR and take what RemoteMonitor posts, until Ctrl-C.
      ADDRESS is 127.0.0.1 and NUMBER 8000 where they are not given; 0 is any free port.
  keepfit pack SOURCE --out DIR [--force]
      Publish the plugin in SOURCE into the folder DIR, in the layout that the hub and any
      static host serve. --force replaces a version that is there already.
  keepfit --help
  keepfit --version

It ends with 0 when all went well, 1 when not, 2 when the command line was not understood.
`;

/**
 * Run the command.
 *
 * @param args the command line without the program's name
 * @returns the exit code: 0 fine, 1 failed, 2 not understood
 * @example
 * ```ts
 * import { main } from "keepfit/cli";
 * import assert from "node:assert/strict";
 *
 * assert.equal(await main(["--version"]), 0);
 * assert.equal(await main(["no-such-command"]), 2);
 * ```
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const [command, ...rest] = args;
    if (command === "hub") return await hub(rest);
    if (command === "pack") return await pack(rest);
    const { operands, switches } = parseArguments(args, { help: "switch", version: "switch" });
    if (operands.length > 0) throw new UsageError(`there is no command ${operands[0]}`);
    if (!switches.has("help") && !switches.has("version")) {
      throw new UsageError("no command is given");
    }
    return say(switches.has("help") ? usage : `${version}\n`);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`keepfit: ${error.message}\n\n${usage}`);
      return 2;
    }
    console.error(`keepfit: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

async function hub(args: readonly string[]): Promise<number> {
  const { operands, values, switches } = parseArguments(args, {
    help: "switch",
    host: "value",
    port: "value",
  });
  if (switches.has("help")) return say(usage);
  const directory = only(operands, "DIR");
  const server = await serveHub({ directory, hostname: values.host, port: portOf(values.port) });
  const interruption = interruptSignal();
  say(`keepfit hub of ${directory} at ${server.url}\n`);
  try {
    await new Promise((resolve) => interruption.signal.addEventListener("abort", resolve));
  } finally {
    interruption.release();
    await server.close();
  }
  return 0;
}

async function pack(args: readonly string[]): Promise<number> {
  const { operands, values, switches } = parseArguments(args, {
    force: "switch",
    help: "switch",
    out: "value",
  });
  if (switches.has("help")) return say(usage);
  const source = only(operands, "SOURCE");
  if (values.out === undefined) throw new UsageError("pack needs --out DIR");
  const { id, version, reference, files } = await packPlugin({
    source,
    out: values.out,
    fs: getRuntime().fs,
    force: switches.has("force"),
  });
  return say(`packed ${id} ${version}, ${files} files\n${reference}\n`);
}

function only(operands: readonly string[], name: string): string {
  if (operands.length === 1) return operands[0];
  throw new UsageError(
    operands.length === 0 ? `${name} is missing` : `${operands[1]} is one too many`,
  );
}

function portOf(text = "8000"): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new UsageError(`--port is ${text}, it must be a number from 0 to 65535`);
}

function say(text: string): number {
  getRuntime().terminal.write(text);
  return 0;
}
