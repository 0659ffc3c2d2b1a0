import type * as tf from "@tensorflow/tfjs";
import { isChanged, layerCalls } from "../forward.ts";

/** Fields of wrappers and recurrent layers that hold an inner layer. */
const innerLayers = ["layer", "forwardLayer", "backwardLayer", "cell"] as const;

type AnyLayer = tf.layers.Layer & { [inner in typeof innerLayers[number]]?: tf.layers.Layer };

/**
 * Watch the settings of a model's layers: numbers, strings, booleans and activations. A callback
 * may change them, such as the rate of a dropout, between two batches.
 *
 * @returns a function that returns whether a setting has changed since this call
 */
export function watchSettings(network: tf.LayersModel): () => boolean {
  const layers = new Set<AnyLayer>();
  const add = (layer: AnyLayer): void => {
    layers.add(layer);
    for (const name of innerLayers) {
      const inner = layer[name];
      if (inner !== undefined) add(inner);
    }
  };
  for (const { layer } of layerCalls(network)?.calls ?? []) add(layer);
  const seen = [...layers].map((layer) => {
    const settings = Object.entries(layer).filter(([name, value]) => isSetting(name, value));
    return { layer: layer as unknown as Record<string, unknown>, settings, was: isChanged(layer) };
  });
  return () =>
    seen.some(({ layer, settings, was }) =>
      settings.some(([name, value]) => !Object.is(layer[name], value)) || isChanged(layer) !== was
    );
}

function isSetting(name: string, value: unknown): boolean {
  // Each step reads which weights are trained.
  if (/trainable/i.test(name)) return false;
  if (typeof value === "object" && value !== null) {
    return "getClassName" in value && "apply" in value;
  }
  return ["number", "string", "boolean"].includes(typeof value);
}
