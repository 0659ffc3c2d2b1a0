import type { Command } from "commander";
import { manifestName, parseKey, signManifest } from "../../plugins/mod.ts";
import { publishPlugin } from "../../plugins/sources/publish.ts";
import { packSource } from "../../testing/pack_source.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";
import { hubAccess, type HubAccessOptions, tokenFileOption, tokenOption } from "../hub_access.ts";

interface PublishOptions extends HubAccessOptions {
  key?: string;
  bundle?: boolean;
}

/** `keepfit publish SOURCE --registry URL`: pack, sign and upload to a hub. */
export function addPublish(program: Command, cli: CommandLine): void {
  const command = program.command("publish")
    .usage("SOURCE --registry URL [--bundle] [--key FILE]")
    .description(
      "Pack the plugin in SOURCE and publish it to a hub. Use pack to publish to a folder.",
    )
    .argument("<SOURCE>", "Source folder of the plugin.")
    .option("--registry <URL>", "The hub. Default: KEEPFIT_REGISTRY.")
    .addOption(tokenOption())
    .addOption(tokenFileOption())
    .option("--key <FILE>", "Key to sign it with, from key new.")
    .option("--bundle", "Bundle it into one JavaScript module. Requires esbuild.")
    .action(async (source: string, { key, bundle = false, ...accessOptions }: PublishOptions) => {
      const access = await hubAccess(accessOptions, "publish", cli.fs);
      const { manifest, contents } = await packSource(source, { fs: cli.fs, bundle });
      const signed = key === undefined
        ? manifest
        : await signManifest(manifest, await parseKey(await cli.fs.readTextFile(key)));
      const files = new Map([...contents].filter(([path]) => path !== manifestName));
      const published = await publishPlugin({
        ...access,
        manifest: `${JSON.stringify(signed, null, 2)}\n`,
        files,
      });
      const { id, version, reference, isNew } = published;
      cli.print(
        published,
        `${isNew ? "published" : "already published:"} ${id} ${version}\n${reference}\n`,
      );
    });
  addExamples(command, cli, [
    "keepfit publish notes --registry https://hub.example --key key.pem --bundle",
  ]);
}
