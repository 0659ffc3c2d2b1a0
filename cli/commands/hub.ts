import { type Command, InvalidArgumentError } from "commander";
import { folderRunStore, parseTokens, serveHub, type Tokens } from "../../hub/mod.ts";
import { messageOf } from "../../core/errors.ts";
import { generateKeyPair, parseKey, type SigningKey } from "../../plugins/mod.ts";
import { FileSystemError, getRuntime, interruptSignal } from "../../runtime/mod.ts";
import { urlOfPath } from "../../runtime/find_upward.ts";
import type { FileSystem } from "../../runtime/types.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

interface HubOptions {
  host: string;
  port: number;
  token?: string[];
  tokens?: string;
  allowedHost?: string[];
  logKey?: string;
  runs?: string;
}

/** `keepfit hub DIR`: serve a registry and receive runs. */
export function addHub(program: Command, cli: CommandLine): void {
  const command = program.command("hub")
    .usage("DIR [--host ADDRESS] [--port NUMBER] [--tokens FILE]")
    .description("Serve the plugins in DIR and receive reports of RemoteMonitor, until Ctrl-C.")
    .argument("<DIR>", "Folder of the registry, as pack writes it.")
    .option("--host <ADDRESS>", "Address to listen on.", "127.0.0.1")
    .option("--port <NUMBER>", "Port to listen on; 0 chooses a free one.", portOf, 8000)
    .option(
      "--token <OWNER=TOKEN>",
      "TOKEN may publish plugins of OWNER; other users of this machine can see it. Repeatable.",
      collectTokens,
    )
    .option(
      "--tokens <FILE>",
      "File with lines OWNER=TOKEN, as in KEEPFIT_HUB_TOKENS.",
    )
    .option(
      "--allowed-host <NAME>",
      "Name under which it is reached through a proxy. Repeatable.",
      (name: string, before: string[] = []) => [...before, name],
    )
    .option(
      "--log-key <FILE>",
      "Key that signs the log of publications. Created when needed. Default: DIR.log-key.pem, " +
        "if tokens are accepted.",
    )
    .option("--runs <FOLDER>", "Folder in which runs are kept. Default: memory.")
    .action(
      async (directory: string, { host, port, allowedHost: hosts, ...options }: HubOptions) => {
        const tokens = await readTokens(options, cli.fs);
        const logKey = await readLogKey(directory, options.logKey, tokens, cli.fs);
        const runs = options.runs === undefined
          ? undefined
          : folderRunStore(options.runs, { fs: cli.fs });
        const server = await serveHub({
          directory,
          hostname: host,
          port,
          tokens,
          hosts,
          logKey,
          runs,
        });
        const interruption = interruptSignal();
        const signed = logKey === undefined ? "" : `its log is signed by ${logKey.keyId}\n`;
        cli.print(
          { directory, url: server.url, logKey: logKey?.keyId },
          `keepfit hub of ${directory} at ${server.url}\n${signed}`,
        );
        try {
          await new Promise((resolve) => interruption.signal.addEventListener("abort", resolve));
        } finally {
          interruption.release();
          await server.close();
        }
      },
    );
  addExamples(
    command,
    cli,
    ["keepfit hub public", "serve the output of pack"],
    ["keepfit hub public --port 8080 --token ada=…", "the token may publish plugins of ada"],
  );
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new InvalidArgumentError("It must be a number from 0 to 65535.");
}

function collectTokens(text: string, before: string[] = []): string[] {
  try {
    parseTokens(text);
  } catch {
    throw new InvalidArgumentError("It must be the owner's name, = and the token.");
  }
  return [...before, text];
}

/** Read the tokens of the command line, the file and the environment. */
async function readTokens(
  { token = [], tokens }: Pick<HubOptions, "token" | "tokens">,
  fs: FileSystem,
): Promise<Tokens> {
  const texts = [
    token.join("\n"),
    tokens === undefined ? "" : await fs.readTextFile(tokens),
    getRuntime().env("KEEPFIT_HUB_TOKENS") ?? "",
  ];
  return parseTokens(texts.join("\n"));
}

/**
 * Read or create the key of the log. A hub that accepts no versions needs none: it serves the
 * existing log.
 *
 * @returns undefined for no log
 */
async function readLogKey(
  directory: string,
  named: string | undefined,
  tokens: Tokens,
  fs: FileSystem,
): Promise<SigningKey | undefined> {
  if (named === undefined && Object.keys(tokens).length === 0) return undefined;
  const path = named ?? besideFolder(directory);
  try {
    return await parseKey(await fs.readTextFile(path));
  } catch (error) {
    if (!(error instanceof FileSystemError && error.code === "NotFound")) throw error;
  }
  // A missing folder is reported before its key is created.
  await fs.readDir(directory);
  const key = await generateKeyPair();
  const file = await fs.open(path, "createPrivate").catch((cause) => {
    throw new Error(
      `Cannot create the key of the hub's log, ${path}: ${messageOf(cause)}; name another file ` +
        "with --log-key",
      { cause },
    );
  });
  try {
    await file.write(await key.toPem());
    await file.sync();
  } finally {
    await file.close();
  }
  return key;
}

/**
 * A URL beside the folder: a static host may serve the folder, and a copy would include the key.
 */
function besideFolder(directory: string): URL {
  const url = urlOfPath(directory);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}.log-key.pem`;
  return url;
}
