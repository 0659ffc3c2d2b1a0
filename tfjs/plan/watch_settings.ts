import type * as tf from "@tensorflow/tfjs";
import { isChanged, layerCalls } from "../forward.ts";
import { isLeftOut } from "./fingerprint.ts";

/** Fields of wrappers and recurrent layers that hold an inner layer. */
const innerLayers = ["layer", "forwardLayer", "backwardLayer", "cell"] as const;

type AnyLayer = tf.layers.Layer & { [inner in typeof innerLayers[number]]?: tf.layers.Layer };

/** Fields of a layer, private ones among them. */
type Fields = Record<string, unknown> & { _losses: unknown[] };

/**
 * Watch the settings of a model's layers: numbers, strings, booleans, arrays of them, activations,
 * weights, inner layers and the number of regularizers. A callback may change them, such as the rate
 * of a dropout, between two batches.
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
    const fields = layer as unknown as Fields;
    const names = Object.keys(fields).filter((name) => canBeSetting(name, fields[name]));
    const settings = names.map((name) => copyOf(fields[name]));
    return { layer, fields, names, settings, losses: fields._losses.length, was: isChanged(layer) };
  });
  // Called for each batch: loops are several times as fast as functions of arrays.
  return () => {
    for (let i = 0; i < seen.length; i++) {
      const { layer, fields, names, settings, losses, was } = seen[i];
      for (let j = 0; j < names.length; j++) {
        const value = fields[names[j]];
        if (value !== settings[j] && !isSame(value, settings[j])) return true;
      }
      if (fields._losses.length !== losses || isChanged(layer) !== was) return true;
    }
    return false;
  };
}

function canBeSetting(name: string, value: unknown): boolean {
  // Each step reads which weights are trained.
  if (isLeftOut(name) || /trainable/i.test(name)) return false;
  return value === null || value === undefined || isSetting(value);
}

function isSetting(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every(isSettingOrNull);
  if (typeof value !== "object" || value === null) return value !== null && value !== undefined;
  // An activation or a layer; a weight.
  return ("getClassName" in value && "apply" in value) || "originalName" in value;
}

function isSettingOrNull(value: unknown): boolean {
  return value === null || ["number", "string"].includes(typeof value) ||
    (Array.isArray(value) && isSetting(value));
}

/** A copy of an array, which may be changed in place; other values as they are. */
function copyOf(value: unknown): unknown {
  return Array.isArray(value) ? value.map(copyOf) : value;
}

/** Whether a field has the same setting as before; anything but a setting counts as none. */
function isSame(value: unknown, was: unknown): boolean {
  if (Object.is(value, was)) return true;
  if (Array.isArray(was)) {
    if (!Array.isArray(value) || value.length !== was.length) return false;
    for (let i = 0; i < was.length; i++) if (!isSame(value[i], was[i])) return false;
    return true;
  }
  const hadNone = was === null || was === undefined;
  return hadNone && !isSetting(value);
}
