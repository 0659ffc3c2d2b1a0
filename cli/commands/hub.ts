import { type Command, InvalidArgumentError } from "commander";
import { serveHub } from "../../hub/mod.ts";
import { interruptSignal } from "../../runtime/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

interface Given {
  host: string;
  port: number;
  token?: Record<string, string[]>;
}

/** `keepfit hub DIR`: serve a registry, and take the runs that are posted to it. */
export function addHub(program: Command, line: CommandLine): void {
  const command = program.command("hub")
    .usage("DIR [--host ADDRESS] [--port NUMBER] [--token OWNER=TOKEN]")
    .description("Serve the plugins in DIR and take what RemoteMonitor posts, until Ctrl-C.")
    .argument("<DIR>", "The registry's folder, as pack makes it.")
    .option("--host <ADDRESS>", "What to listen on.", "127.0.0.1")
    .option("--port <NUMBER>", "0 is any free port.", portOf, 8000)
    .option(
      "--token <OWNER=TOKEN>",
      "Who has TOKEN may publish plugins of OWNER. Again for more.",
      collectTokens,
    )
    .action(async (directory: string, { host, port, token: tokens }: Given) => {
      const server = await serveHub({ directory, hostname: host, port, tokens });
      const interruption = interruptSignal();
      line.tell({ directory, url: server.url }, `keepfit hub of ${directory} at ${server.url}\n`);
      try {
        await new Promise((resolve) => interruption.signal.addEventListener("abort", resolve));
      } finally {
        interruption.release();
        await server.close();
      }
    });
  addExamples(
    command,
    line,
    ["keepfit hub public", "serve what pack has made"],
    ["keepfit hub public --port 8080 --token ada=…", "whoever has the token may publish"],
  );
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new InvalidArgumentError("It must be a number from 0 to 65535.");
}

/** Owners by token, as the hub has them. */
function collectTokens(
  text: string,
  before: Record<string, string[]> = {},
): Record<string, string[]> {
  const [, owner, token] = /^([a-z0-9-]+)=(.+)$/.exec(text) ?? [];
  if (owner === undefined) {
    throw new InvalidArgumentError("It must be the owner's name, = and the token.");
  }
  return { ...before, [token]: [...before[token] ?? [], owner] };
}
