import type * as tf from "@tensorflow/tfjs";
import { findGlobals } from "../engine.ts";
import { type InternalLayer, isFrozen, layerCalls } from "../forward.ts";

/**
 * Everything in the layers of a model and in TensorFlow.js that decides what a step computes, as
 * text: settings, shapes, connections, and which functions the classes have. Equal models have
 * equal texts; names and the values of weights are left out.
 *
 * @param engine the engine that computes
 */
export function fingerprintOf(engine: object, network: tf.LayersModel): string {
  const graph = layerCalls(network);
  if (graph === undefined) return `custom ${idOf(network)}`;
  const layers = new Map<InternalLayer, number>();
  const described = new Describer();
  const calls = graph.calls.map((call) => {
    const { layer, inputs, outputs } = call;
    let number = layers.get(layer);
    let text = "";
    if (number === undefined) {
      layers.set(layer, number = layers.size);
      text = described.object(layer);
    }
    return `${number}(${inputs})${outputs}${isFrozen(call) ? "f" : ""}${text}`;
  });
  const inputs = network.inputs.map(({ shape, dtype }) => `${dtype}[${shape}]`);
  const variable = network.weights[0]?.read();
  const ground = [engine, variable && Object.getPrototypeOf(variable)]
    .map((one) => one && described.methods(one));
  return [...inputs, ...calls, graph.outputs, ...ground, kernelsVersion()].join("\n");
}

/** Type and shape of a tensor, as text. */
export function describeTensor({ dtype, shape }: tf.Tensor): string {
  return `${dtype}[${shape}]`;
}

/** Fields that differ between equal layers, or of which a step takes nothing. */
const leftOut = new Set(["id", "name", "_refCount", "_addedWeightNames", "inputSpec"]);

/** Something that TensorFlow.js can save, such as a layer, a cell or an activation. */
type Part = Record<string, unknown>;

class Describer {
  readonly #parts = new Map<object, number>();
  readonly #methods = new Map<object, string>();

  /** Its class and its fields. */
  object(part: object): string {
    const known = this.#parts.get(part);
    if (known !== undefined) return `@${known}`;
    this.#parts.set(part, this.#parts.size);
    const fields = Object.entries(part).map(([name, value]) => {
      if (leftOut.has(name) || name.endsWith("Initializer")) return "";
      // Penalties, which TensorFlow.js computes; equal layers have functions of their own.
      const text = name === "_losses" && Array.isArray(value)
        ? String(value.length)
        : this.#value(value);
      return text === "" ? "" : `${name}=${text}`;
    });
    return `${this.methods(Object.getPrototypeOf(part))}{${fields.filter(Boolean).join(",")}}`;
  }

  /** Version of the functions of an object and of what it inherits from. */
  methods(object: object): string {
    let text = this.#methods.get(object);
    if (text === undefined) {
      const inherits = Object.getPrototypeOf(object);
      const own = `${idOf(object)}.${versionOf(object)}`;
      text = inherits === null ? own : `${own}<${this.methods(inherits)}`;
      this.#methods.set(object, text);
    }
    return text;
  }

  #value(value: unknown): string {
    switch (typeof value) {
      case "function":
        return `#${idOf(value)}`;
      case "object":
        break;
      case "undefined":
        return "";
      default:
        return String(value);
    }
    if (value === null) return "";
    if (Array.isArray(value)) return `[${value.map((one) => this.#value(one))}]`;
    const { read, shape, dtype } = value as Part;
    if (typeof read === "function" && Array.isArray(shape)) {
      const { trainable } = value as { trainable?: boolean };
      return `${dtype}[${shape}]${trainable ? "t" : ""}`;
    }
    return "getClassName" in value ? this.object(value) : "";
  }
}

const ids = new WeakMap<object, number>();
let lastId = 0;

function idOf(object: object): number {
  let id = ids.get(object);
  if (id === undefined) ids.set(object, id = ++lastId);
  return id;
}

const versions = new WeakMap<object, { version: number; functions: unknown[] }>();

/** A number that changes whenever one of an object's own functions does. */
function versionOf(object: object): number {
  const functions: unknown[] = [];
  for (const name of Object.getOwnPropertyNames(object)) {
    const { value, get } = Object.getOwnPropertyDescriptor(object, name)!;
    if (typeof value === "function") functions.push(name, value);
    else if (get !== undefined) functions.push(name, get);
  }
  return numbered(object, functions);
}

/** A number that changes whenever a kernel or a gradient is registered anew. */
function kernelsVersion(): string {
  return ["kernelRegistry", "gradRegistry"].map((name) => {
    const registry = findGlobals()?.get(name) as Map<string, object> | undefined;
    return registry && numbered(registry, [...registry.values()]);
  }).join(".");
}

function numbered(object: object, parts: unknown[]): number {
  let known = versions.get(object);
  if (known === undefined) versions.set(object, known = { version: 0, functions: parts });
  const { functions } = known;
  const isSame = functions.length === parts.length &&
    parts.every((one, i) => one === functions[i]);
  if (!isSame) {
    known.version++;
    known.functions = parts;
  }
  return known.version;
}
