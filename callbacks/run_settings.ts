import type { Params, StateValue } from "../core/callback.ts";
import type { TrainableModel } from "../core/model.ts";
import { version } from "../core/version.ts";
import { getRuntime } from "../runtime/mod.ts";
import { findEngine } from "../tfjs/engine.ts";
import { changedLayers, topologyOf } from "../tfjs/topology.ts";

/** What a script has chosen for a run and a resumed run is to have too, as JSON by name. */
export type RunSettings = { [name: string]: string };

/** Without these as they were, an epoch has other batches, or other means. */
const ofEpoch = ["batchSize", "samples", "steps", "shuffle", "seed", "metrics"];

/**
 * The settings of a run, before it has begun.
 *
 * @param seed the one that the script has chosen. Default: undefined, that of the backup
 */
export function settingsOf(
  model: TrainableModel,
  params: Params | null,
  seed: number | undefined,
): RunSettings {
  const { batchSize, samples, steps, shuffle, doValidation, validationFreq, validation, metrics } =
    params ?? {} as Partial<Params>;
  const { loss, optimizer } = model as { loss?: unknown; optimizer?: unknown };
  const all = {
    batchSize,
    samples,
    steps,
    shuffle,
    seed,
    validation: doValidation,
    validationSamples: validation?.samples,
    validationSteps: validation?.steps,
    validationFreq,
    metrics: metrics?.filter((name) => !name.startsWith("val_")),
    loss: nameOfLoss(loss),
    ...configOf(optimizer),
    layers: topologyOf(model),
    backend: findEngine<{ backendName?: string }>()?.backendName,
    runtime: getRuntime().name,
    keepfit: version,
  };
  const settings: RunSettings = {};
  for (const [name, value] of Object.entries(all)) {
    if (value !== undefined && value !== null) settings[name] = JSON.stringify(value);
  }
  return settings;
}

/** How the settings of two runs differ, in sentence parts. */
export interface SettingsChange {
  /** What makes the rest of an epoch that has begun another one. */
  ofEpoch: string[];
  /** What else makes another model. */
  others: string[];
  /** Another version of keepfit, which is to make the same. */
  version: string | undefined;
}

/**
 * What is another one now.
 *
 * @param seed that of the saved run, whoever chose it
 */
export function changedSettings(
  saved: RunSettings,
  now: RunSettings,
  seed: unknown,
): SettingsChange {
  const change: SettingsChange = { ofEpoch: [], others: [], version: undefined };
  // A seed of the script's matters, wherever the saved one was from.
  const before: RunSettings = {
    ...saved,
    ...(typeof seed === "number" && { seed: JSON.stringify(seed) }),
  };
  for (const name of Object.keys(before)) {
    // One that is not given is the backup's.
    if (now[name] === before[name] || (name === "seed" && !(name in now))) continue;
    if (name === "keepfit") {
      change.version = `it is of keepfit ${JSON.parse(before[name])}, this is ${version}`;
    } else if (name === "layers") {
      change.others.push(...changedLayers(JSON.parse(before[name]), JSON.parse(now[name])));
    } else {
      // Without an order of rows that is ours, the seed is that of dropout alone.
      const isOfEpoch = ofEpoch.includes(name) &&
        (name !== "seed" || /^(true|"batch")$/.test(now.shuffle));
      change[isOfEpoch ? "ofEpoch" : "others"].push(
        `${name} was ${before[name]}, is ${now[name] ?? "not known"}`,
      );
    }
  }
  return change;
}

/** Functions by their names, whatever they are nested in. */
function nameOfLoss(loss: unknown): StateValue | undefined {
  if (typeof loss === "function") return `${loss.name || "a function"}()`;
  if (Array.isArray(loss)) return loss.map((one) => nameOfLoss(one) ?? null);
  if (typeof loss !== "object" || loss === null) return loss as StateValue | undefined;
  return Object.fromEntries(Object.entries(loss).map(([name, one]) => [name, nameOfLoss(one)]));
}

/** Class, numbers and flags of an optimizer, which a backup brings back as they were. */
function configOf(optimizer: unknown): Record<string, StateValue> {
  const { getConfig } = (optimizer ?? {}) as { getConfig?: () => Record<string, StateValue> };
  try {
    const config = getConfig?.call(optimizer) ?? {};
    const isPlain = (value: unknown) => ["number", "boolean"].includes(typeof value);
    return Object.fromEntries(
      Object.entries(config).filter(([, value]) => isPlain(value))
        .map(([name, value]) => [`optimizer.${name}`, value]),
    );
  } catch {
    // An optimizer of one's own may have none.
    return {};
  }
}
