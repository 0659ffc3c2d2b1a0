import type { Command } from "commander";
import { generateKeyPair } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

/** `keepfit key new FILE`: generate a key for signing plugins. */
export function addKey(program: Command, cli: CommandLine): void {
  const key = program.command("key").description("Keys for signing plugins.");
  const command = key.command("new")
    .description("Generate a key and save it in FILE, which only you can read.")
    .argument("<FILE>", "Path of the new file.")
    .action(async (path: string) => {
      const made = await generateKeyPair();
      // Never overwritten, because a lost key cannot be restored.
      const file = await cli.fs.open(path, "createPrivate");
      try {
        await file.write(await made.toPem());
      } finally {
        await file.close();
      }
      cli.print({ path, keyId: made.keyId }, `${made.keyId}\n`);
    });
  for (const one of [key, command]) addExamples(one, cli, ["keepfit key new key.pem"]);
}
