import type { Command } from "commander";
import { generateKeyPair } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

/** `keepfit key new FILE`: a key to sign plugins with. */
export function addKey(program: Command, line: CommandLine): void {
  const key = program.command("key").description("Keys to sign plugins with.");
  const command = key.command("new")
    .description("Make a key and put it into FILE, which nobody else should be able to read.")
    .argument("<FILE>", "Must not be there yet.")
    .action(async (path: string) => {
      const made = await generateKeyPair();
      // Made exclusively: a key that was overwritten could never sign again.
      const file = await line.fs.open(path, "create");
      try {
        await file.write(await made.toPem());
      } finally {
        await file.close();
      }
      line.tell({ path, keyId: made.keyId }, `${made.keyId}\n`);
    });
  for (const one of [key, command]) addExamples(one, line, ["keepfit key new key.pem"]);
}
