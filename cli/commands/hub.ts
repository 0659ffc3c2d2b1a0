import { type Command, InvalidArgumentError } from "commander";
import { serveHub } from "../../hub/mod.ts";
import { interruptSignal } from "../../runtime/mod.ts";
import type { CommandLine } from "../command_line.ts";

/** `keepfit hub DIR`: serve a registry, and take the runs that are posted to it. */
export function addHub(program: Command, line: CommandLine): void {
  program.command("hub")
    .usage("DIR [--host ADDRESS] [--port NUMBER]")
    .description("Serve the plugins in DIR and take what RemoteMonitor posts, until Ctrl-C.")
    .argument("<DIR>", "The registry's folder, as pack makes it.")
    .option("--host <ADDRESS>", "What to listen on.", "127.0.0.1")
    .option("--port <NUMBER>", "0 is any free port.", portOf, 8000)
    .action(async (directory: string, { host, port }: { host: string; port: number }) => {
      const server = await serveHub({ directory, hostname: host, port });
      const interruption = interruptSignal();
      line.tell({ directory, url: server.url }, `keepfit hub of ${directory} at ${server.url}\n`);
      try {
        await new Promise((resolve) => interruption.signal.addEventListener("abort", resolve));
      } finally {
        interruption.release();
        await server.close();
      }
    });
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new InvalidArgumentError("It must be a number from 0 to 65535.");
}
