import type { Command } from "commander";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

/** `keepfit token new`: what a hub knows an author by. */
export function addToken(program: Command, line: CommandLine): void {
  const token = program.command("token").description("Tokens by which a hub knows authors.");
  const command = token.command("new")
    .description(
      "Print a new token. The hub gets it as OWNER=TOKEN, in the file of hub --tokens or in " +
        "KEEPFIT_HUB_TOKENS; the author of OWNER gets it as KEEPFIT_TOKEN.",
    )
    .action(() => {
      const made = randomToken();
      line.tell({ token: made }, `${made}\n`);
    });
  for (const one of [token, command]) addExamples(one, line, ["keepfit token new"]);
}

/** 256 bits in letters, digits, `-` and `_`. */
function randomToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
