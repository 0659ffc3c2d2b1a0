import type { Command } from "commander";
import { parseKey, parseManifest, signManifest } from "../../plugins/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";

/** `keepfit sign MANIFEST --key FILE`. */
export function addSign(program: Command, cli: CommandLine): void {
  const command = program.command("sign")
    .usage("MANIFEST --key FILE")
    .description("Sign the manifest of a packed plugin, and through its hashes all files.")
    .argument("<MANIFEST>", "Manifest written by pack.")
    .requiredOption("--key <FILE>", "Key from key new.")
    .action(async (path: string, { key: keyPath }: { key: string }) => {
      const key = await parseKey(await cli.fs.readTextFile(keyPath));
      const manifest = parseManifest(await cli.fs.readTextFile(path), path);
      const signed = await signManifest(manifest, key);
      await cli.fs.writeFile(path, `${JSON.stringify(signed, null, 2)}\n`);
      cli.print({ path, keyId: key.keyId }, `signed ${path} by ${key.keyId}\n`);
    });
  addExamples(command, cli, [
    "keepfit sign public/ada/notes/0.1.0/callback.plugin.json --key key.pem",
  ]);
}
