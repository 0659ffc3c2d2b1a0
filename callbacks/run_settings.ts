import type { Params, StateValue } from "../core/callback.ts";
import type { TrainableModel } from "../core/model.ts";
import { version } from "../core/version.ts";
import { getRuntime } from "../runtime/mod.ts";
import { findEngine } from "../tfjs/engine.ts";
import { changedLayers, topologyOf } from "../tfjs/topology.ts";

/** Settings of a script that a resumed run must share, as JSON by name. */
export type RunSettings = { [name: string]: string };

/** Settings that determine the batches, their hooks or the means of an epoch. */
const ofEpoch = [
  "batchSize",
  "samples",
  "steps",
  "stepsPerExecution",
  "shuffle",
  "seed",
  "metrics",
];

/**
 * The settings of a run, before it has begun.
 *
 * @param seed the script's seed. Default: undefined, for that of the backup
 */
export function settingsOf(
  model: TrainableModel,
  params: Params | null,
  seed: number | undefined,
): RunSettings {
  const {
    batchSize,
    samples,
    steps,
    stepsPerExecution = 1,
    shuffle,
    doValidation,
    validationFreq,
    validation,
    metrics,
  } = params ?? {} as Partial<Params>;
  const { loss, optimizer } = model as { loss?: unknown; optimizer?: unknown };
  const all = {
    batchSize,
    samples,
    steps,
    stepsPerExecution,
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

/** Differences between the settings of two runs, in parts of sentences. */
export interface SettingsChange {
  /** Changes that affect the rest of an epoch. */
  ofEpoch: string[];
  /** Other changes that affect the model. */
  others: string[];
  /** A different version of keepfit, whose result should be the same. */
  version: string | undefined;
}

/**
 * The changed settings.
 *
 * @param seed seed of the saved run, whether chosen or random
 */
export function changedSettings(
  saved: RunSettings,
  now: RunSettings,
  seed: unknown,
): SettingsChange {
  const change: SettingsChange = { ofEpoch: [], others: [], version: undefined };
  // A seed of the script is compared, regardless of the origin of the saved one.
  const before: RunSettings = {
    ...saved,
    ...(typeof seed === "number" && { seed: JSON.stringify(seed) }),
  };
  for (const name of Object.keys(before)) {
    // Without one, the seed of the backup is used.
    if (now[name] === before[name] || (name === "seed" && !(name in now))) continue;
    if (name === "keepfit") {
      change.version = `it was saved by keepfit ${JSON.parse(before[name])}, this is ${version}`;
    } else if (name === "layers") {
      change.others.push(...changedLayers(JSON.parse(before[name]), JSON.parse(now[name])));
    } else {
      // If the loop does not order the rows, the seed only affects dropout.
      const isOfEpoch = ofEpoch.includes(name) &&
        (name !== "seed" || /^(true|"batch")$/.test(now.shuffle));
      change[isOfEpoch ? "ofEpoch" : "others"].push(
        `${name} was ${before[name]}, is ${now[name] ?? "unknown"}`,
      );
    }
  }
  return change;
}

/** A loss with functions replaced by their names, at any depth. */
function nameOfLoss(loss: unknown): StateValue | undefined {
  if (typeof loss === "function") return `${loss.name || "a function"}()`;
  if (Array.isArray(loss)) return loss.map((one) => nameOfLoss(one) ?? null);
  if (typeof loss !== "object" || loss === null) return loss as StateValue | undefined;
  return Object.fromEntries(Object.entries(loss).map(([name, one]) => [name, nameOfLoss(one)]));
}

/** Class, numbers and flags of an optimizer, which a backup restores. */
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
    // A custom optimizer may have none.
    return {};
  }
}
