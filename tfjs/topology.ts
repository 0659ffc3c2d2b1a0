import type { TrainableModel } from "../core/model.ts";

/** A layer, or a model, of TensorFlow.js. */
interface Layer {
  readonly layers?: Layer[];
  readonly inboundNodes?: { inboundLayers?: Layer[] }[];
  getClassName(): string;
  getConfig(): unknown;
}

/** Config of a layer, as JSON. */
type Config = { [key: string]: unknown };

/**
 * The layers of a model and of its nested models as JSON: class, config without names and
 * initializers, and indices of the layers that feed it. Models with equal topologies and weights
 * compute the same.
 *
 * @returns an empty list for a model of another library
 */
export function topologyOf(model: TrainableModel): string[] {
  const layers: Layer[] = [];
  const visit = (layer: Layer): void => {
    if (layers.includes(layer)) return;
    layers.push(layer);
    layer.layers?.forEach(visit);
  };
  (model as Partial<Layer>).layers?.forEach(visit);
  return layers.map((layer) => {
    const before = (layer.inboundNodes ?? []).flatMap(({ inboundLayers = [] }) => inboundLayers);
    const from = before.map((one) => layers.indexOf(one)).filter((at) => at >= 0);
    // The layers of a nested model are in the list themselves.
    const config = layer.layers === undefined ? configOf(layer) : {};
    return JSON.stringify({ className: layer.getClassName(), ...config, from });
  });
}

/** A description of each layer that has changed, at most three. */
export function changedLayers(saved: string[], now: string[]): string[] {
  if (saved.length !== now.length) {
    return [`the model had ${saved.length} layers, has ${now.length}`];
  }
  const changed = saved.flatMap((text, i) => text === now[i] ? [] : [changeOf(i, text, now[i])]);
  const rest = changed.length - 3;
  return rest > 0 ? [...changed.slice(0, 3), `${rest} more layers differ`] : changed;
}

function changeOf(at: number, saved: string, now: string): string {
  const [before, after] = [JSON.parse(saved), JSON.parse(now)] as [Config, Config];
  if (before.className !== after.className) {
    return `layer ${at} was ${before.className}, is ${after.className}`;
  }
  const text = (value: unknown) => value === undefined ? "absent" : JSON.stringify(value);
  const keys = Object.keys({ ...before, ...after });
  const key = keys.find((key) => text(before[key]) !== text(after[key])) as string;
  return `${key} of layer ${at} (${before.className}) was ${text(before[key])}, is ` +
    text(after[key]);
}

function configOf(layer: Layer): Config {
  try {
    return plain(layer.getConfig()) as Config;
  } catch {
    // A custom layer may lack a config.
    return {};
  }
}

/** Ignored keys: names, which depend on the layers created before, and initializers. */
const ignoredKeys = /^(name|trainable)$|[iI]nitializer$/;

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([key, one]) => !ignoredKeys.test(key) && one !== null)
      .map(([key, one]) => [key, plain(one)]),
  );
}
