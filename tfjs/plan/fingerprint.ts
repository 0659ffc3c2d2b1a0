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
export function describeTensor({ dtype, shape }: Pick<tf.Tensor, "dtype" | "shape">): string {
  return `${dtype}[${shape}]`;
}

const leftOut = new Set(["id", "name", "_refCount", "_addedWeightNames", "inputSpec"]);

/** Whether a field of a layer differs between equal layers, or is not read in a step. */
export function isLeftOut(field: string): boolean {
  return leftOut.has(field) || /initializer$/i.test(field);
}

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
      if (isLeftOut(name)) return "";
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
    const isPlain = Object.getPrototypeOf(value) === Object.prototype;
    return isPlain || "getClassName" in value ? this.object(value) : "";
  }
}

const ids = new WeakMap<object, number>();
let lastId = 0;

function idOf(object: object): number {
  let id = ids.get(object);
  if (id === undefined) ids.set(object, id = ++lastId);
  return id;
}

/** Compared properties of an object, and the number of changes so far. */
interface Version {
  number: number;
  /** Number of all properties. */
  count: number;
  functions: [name: string, value: unknown][];
  getters: [name: string, get: unknown][];
}

const versions = new WeakMap<object, Version>();

/** A number that changes whenever one of an object's own functions does. */
function versionOf(object: object): number {
  const known = versions.get(object);
  if (known !== undefined && isCurrent(known, object as Part)) return known.number;
  const next: Version = { number: (known?.number ?? -1) + 1, count: 0, functions: [], getters: [] };
  for (const name of Object.getOwnPropertyNames(object)) {
    const { value, get } = Object.getOwnPropertyDescriptor(object, name)!;
    next.count++;
    if (typeof value === "function") next.functions.push([name, value]);
    else if (get !== undefined) next.getters.push([name, get]);
  }
  versions.set(object, next);
  return next.number;
}

function isCurrent({ count, functions, getters }: Version, object: Part): boolean {
  return Object.getOwnPropertyNames(object).length === count &&
    functions.every(([name, value]) => object[name] === value) &&
    getters.every(([name, get]) => Object.getOwnPropertyDescriptor(object, name)?.get === get);
}

const registries = new WeakMap<object, { number: number; entries: object[] }>();

/** A number that changes whenever a kernel or a gradient is registered or removed. */
function kernelsVersion(): string {
  return ["kernelRegistry", "gradRegistry"].map((name) => {
    const registry = findGlobals()?.get(name) as Map<string, object> | undefined;
    return registry && numberOf(registry);
  }).join(".");
}

function numberOf(registry: Map<string, object>): number {
  const known = registries.get(registry);
  if (known !== undefined && hasEntries(registry, known.entries)) return known.number;
  const next = { number: (known?.number ?? -1) + 1, entries: [...registry.values()] };
  registries.set(registry, next);
  return next.number;
}

function hasEntries(registry: Map<string, object>, entries: object[]): boolean {
  if (registry.size !== entries.length) return false;
  let i = 0;
  for (const entry of registry.values()) if (entry !== entries[i++]) return false;
  return true;
}
