import { type Command, InvalidArgumentError } from "commander";
import { messageOf } from "../../core/errors.ts";
import { pluginPermissions } from "../../plugins/manifest/format.ts";
import { interruptSignal, joinPath } from "../../runtime/mod.ts";
import { devPlugin, type Reload, trainSmall } from "../../testing/mod.ts";
import type { CommandLine } from "../command_line.ts";
import { addExamples } from "../help.ts";
import { parseOptions, tierOption } from "../plugin_options.ts";
import type { PluginTier } from "../../plugins/mod.ts";

interface DevOptions {
  epochs?: number;
  out?: string;
  tier?: PluginTier;
}

/** `keepfit dev SOURCE`: an endless training that reloads the plugin on each save. */
export function addDev(program: Command, cli: CommandLine): void {
  const command = program.command("dev")
    .usage("SOURCE [--epochs N] [--tier TIER] [--out DIR] [-- OPTIONS]")
    .description("Train a small model endlessly with the plugin and reload it on each save.")
    .argument("<SOURCE>", "Source folder of the plugin.")
    .argument("[OPTIONS]", "Options of the callback as JSON, after --.", parseOptions)
    .option("--epochs <N>", "Number of epochs, two per second. Default: until Ctrl-C.", countOf)
    .addOption(tierOption())
    .option("--out <DIR>", "Folder it may write to. Default: .keepfit in SOURCE.")
    .addHelpText("after", "\nEvery permission that its manifest declares is granted.")
    .action(
      async (source: string, options: Record<string, unknown> | undefined, flags: DevOptions) => {
        await dev(cli, source, options, flags);
      },
    );
  addExamples(
    command,
    cli,
    ["keepfit dev notes"],
    [`keepfit dev . --epochs 20 -- '{"every":2}'`, "with options of the callback"],
  );
}

const endless = Number.MAX_SAFE_INTEGER;
const epochMs = 500;

async function dev(
  cli: CommandLine,
  source: string,
  options: Record<string, unknown> | undefined,
  { epochs = endless, out = joinPath(source, ".keepfit"), tier }: DevOptions,
): Promise<void> {
  const tf = await import("@tensorflow/tfjs");
  const plugin = await devPlugin(source, {
    options,
    tier,
    outputDir: out,
    allow: pluginPermissions,
    peers: { "@tensorflow/tfjs": tf },
    onReload: (reload) => tellReload(cli, reload),
  });
  const interruption = interruptSignal();
  let ran = 0;
  let model: { stopTraining?: boolean } = {};
  const pace = {
    setModel: (received: object) => void (model = received),
    async onEpochEnd(epoch: number, { loss, val_loss }: Record<string, number>) {
      ran++;
      cli.note(`epoch ${epoch}: loss ${loss.toFixed(4)}, val_loss ${val_loss.toFixed(4)}\n`);
      if (ran < epochs) await sleep(epochMs, interruption.signal);
      if (interruption.signal.aborted) model.stopTraining = true;
    },
  };
  try {
    const training = await trainSmall(tf, [plugin, pace], { epochs });
    training.dispose();
  } finally {
    interruption.release();
  }
  cli.print({ event: "end", epochs: ran }, `ended after ${ran} epochs\n`);
}

function tellReload(cli: CommandLine, { id, epoch, error }: Reload): void {
  if (error === undefined) {
    cli.print({ event: "reload", id, epoch }, `reloaded ${id} at epoch ${epoch}\n`);
  } else {
    const message = messageOf(error);
    cli.print({ event: "error", id, message }, `kept the previous ${id}: ${message}\n`);
  }
}

/** Wait, but return early if the user asks to stop. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

function countOf(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number above 0.");
}
