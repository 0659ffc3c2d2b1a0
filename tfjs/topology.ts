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
 * The layers of a model, those of nested models too, each as JSON: its class, its config without names
 * and without what only makes the first weights, and the places of the layers before it. Two models
 * with the same compute the same from the same weights.
 *
 * @returns none for a model of another library
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

/** A sentence part for each layer that is another one now, three at most. */
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
    // A layer of one's own may have none.
    return {};
  }
}

/** Left out: names, which count the layers of the process, and what only makes the first weights. */
const leftOut = /^(name|trainable)$|[iI]nitializer$/;

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([key, one]) => !leftOut.test(key) && one !== null)
      .map(([key, one]) => [key, plain(one)]),
  );
}
