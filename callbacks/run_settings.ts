import type { Params, StateValue } from "../core/callback.ts";
import type { TrainableModel } from "../core/model.ts";
import { findEngine } from "../tfjs/engine.ts";

/** What a script has chosen for a run and a resumed run is to have too, as text by name. */
export type RunSettings = { [name: string]: string };

/** Without these as they were, the batches of an epoch are other ones. */
const ofBatches = ["batchSize", "samples", "steps", "shuffle"];

/** The settings of a run, before it has begun. */
export function settingsOf(model: TrainableModel, params: Params | null): RunSettings {
  const { batchSize, samples, steps, shuffle } = params ?? {} as Partial<Params>;
  const { loss, optimizer } = model as { loss?: unknown; optimizer?: unknown };
  const all = {
    batchSize,
    samples,
    steps,
    shuffle,
    loss: typeof loss === "function" ? undefined : loss,
    ...configOf(optimizer),
    backend: findEngine<{ backendName?: string }>()?.backendName,
  };
  const settings: RunSettings = {};
  for (const [name, value] of Object.entries(all)) {
    if (value !== undefined && value !== null) settings[name] = JSON.stringify(value);
  }
  return settings;
}

/** A sentence part for each setting that is another one now; those of batches apart. */
export function changedSettings(
  saved: RunSettings,
  now: RunSettings,
): { ofBatches: string[]; others: string[] } {
  const changed = Object.keys(saved).filter((name) => name in now && now[name] !== saved[name]);
  const told = (name: string) => `${name} was ${saved[name]}, is ${now[name]}`;
  return {
    ofBatches: changed.filter((name) => ofBatches.includes(name)).map(told),
    others: changed.filter((name) => !ofBatches.includes(name)).map(told),
  };
}

/** Numbers and flags of an optimizer, which a backup brings back as they were. */
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
