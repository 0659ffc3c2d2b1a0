import type { Command } from "commander";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

/** `keepfit token new`: generate a token for a hub. */
export function addToken(program: Command, cli: CommandLine): void {
  const token = program.command("token").description("Tokens of authors on a hub.");
  const command = token.command("new")
    .description(
      "Print a new token. The hub reads it as OWNER=TOKEN in the file of hub --tokens or in " +
        "KEEPFIT_HUB_TOKENS; the author of OWNER sets it as KEEPFIT_TOKEN.",
    )
    .action(() => {
      const made = randomToken();
      cli.print({ token: made }, `${made}\n`);
    });
  for (const one of [token, command]) addExamples(one, cli, ["keepfit token new"]);
}

/** Generate 256 random bits as letters, digits, `-` and `_`. */
function randomToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
