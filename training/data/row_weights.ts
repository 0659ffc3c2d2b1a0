import type * as tf from "@tensorflow/tfjs";
import {
  type ClassWeight,
  type ClassWeights,
  describeValue,
  isTensor,
  type Tensors,
} from "./data.ts";
import { checkTensor, describeData } from "./shapes.ts";

/** Weights of rows, or of rows and steps, on the host. */
export interface RowWeights {
  values: Float32Array;
  /** Shape of the weights of one row: empty, or the number of steps. */
  rowShape: number[];
}

/** Weights of rows, as passed by the user. */
export interface GivenWeights {
  classWeight?: ClassWeights;
  /** Name of the data in messages: "training" or "validation". */
  role: string;
}

/** Range of used rows, end exclusive. */
export type RowRange = readonly [first: number, end: number];

/**
 * Weights of rows for each output: sample weights times class weights; undefined without either.
 */
export type WeighRows = (
  ys: tf.Tensor[],
  rows: number,
  sampleWeight: Tensors | null | undefined,
  used?: RowRange,
) => Promise<(RowWeights | undefined)[]>;

/**
 * Create the function that computes the row weights of one source. Class weights are checked here.
 *
 * @returns a function that throws a RangeError for weights of another number of rows, for a weight
 * that is NaN or infinite, and for a class in the used rows without a weight
 * @throws TypeError for weights that match no output
 * @throws RangeError for a weight that is NaN or infinite
 */
export function rowWeigher(
  outputNames: readonly string[],
  { classWeight, role }: GivenWeights,
): WeighRows {
  const classes = forOutputs(classWeight, outputNames, "classWeight", isClassWeight);
  let isWarned = false;
  const check = (weight: number, what: string): void => {
    if (!Number.isFinite(weight)) {
      throw new RangeError(`Cannot use ${what}: expected a finite number, got ${weight}`);
    }
    if (weight >= 0 || isWarned) return;
    isWarned = true;
    console.warn(
      `keepfit: ${what} is ${weight}: training increases a loss with a negative weight`,
    );
  };
  classes.forEach((weights, i) => {
    for (const [number, weight] of Object.entries(weights ?? {})) {
      check(weight, `classWeight of class ${number} for ${outputNames[i]}`);
    }
  });
  return async (ys, rows, sampleWeight, used = [0, rows]) => {
    const what = `${role} sampleWeight`;
    const samples = forOutputs(sampleWeight, outputNames, what, isTensor);
    return await Promise.all(ys.map(async (target, i) => {
      const ofSample = samples[i] && await sampleWeights(samples[i], rows, what, used, check);
      const ofClass = classes[i] && await classWeights(target, classes[i], outputNames[i], used);
      if (ofSample === undefined || ofClass === undefined) {
        return ofSample ?? (ofClass && { values: ofClass, rowShape: [] });
      }
      const { values } = ofSample;
      const width = values.length / rows;
      for (let at = 0; at < values.length; at++) values[at] *= ofClass[Math.floor(at / width)];
      return ofSample;
    }));
  };
}

async function sampleWeights(
  weight: tf.Tensor,
  rows: number,
  what: string,
  [first, end]: RowRange,
  check: (weight: number, what: string) => void,
): Promise<RowWeights> {
  checkTensor(weight, what);
  if (weight.shape[0] !== rows) {
    throw new RangeError(`Cannot use ${what} of shape [${weight.shape}]: x has ${rows} rows`);
  }
  // Copied, because data() returns the live values on the cpu backend.
  const values = Float32Array.from(await weight.data() as Float32Array);
  const width = values.length / rows;
  for (let at = first * width; at < end * width; at++) {
    if (!(values[at] >= 0 && values[at] < Infinity)) {
      check(values[at], `${what} of row ${Math.floor(at / width)}`);
    }
  }
  return { values, rowShape: weight.shape.slice(1) };
}

async function classWeights(
  target: tf.Tensor,
  weights: ClassWeight,
  output: string,
  [first, end]: RowRange,
): Promise<Float32Array> {
  if (target.rank > 2) {
    throw new RangeError(
      `Cannot use classWeight for ${output}: its targets have shape [${target.shape}], expected ` +
        `class numbers or one-hot rows`,
    );
  }
  const values = await target.data() as Float32Array;
  const found = new Float32Array(target.shape[0]);
  const width = values.length / found.length;
  for (let row = first; row < end; row++) {
    let number = values[row * width];
    if (width > 1) {
      number = 0;
      for (let i = 1; i < width; i++) {
        if (values[row * width + i] > values[row * width + number]) number = i;
      }
    }
    const weight = weights[number];
    if (weight === undefined) {
      throw new RangeError(
        `Cannot use classWeight for ${output}: class ${number} is in the data but not among the ` +
          `weights (${Object.keys(weights).join(", ")})`,
      );
    }
    found[row] = weight;
  }
  return found;
}

/** One value for each output: passed alone, in order, or by name. Empty if nothing was passed. */
function forOutputs<T>(
  value: unknown,
  outputNames: readonly string[],
  what: string,
  is: (value: unknown) => value is T,
): (T | undefined)[] {
  if (value === undefined || value === null) return [];
  if (is(value)) {
    if (outputNames.length === 1) return [value];
    throw new TypeError(
      `Cannot use one ${what} for ${outputNames.length} outputs: pass one for each of ` +
        outputNames.join(", "),
    );
  }
  const isList = Array.isArray(value) && !value.some((one) => typeof one !== "object");
  const isByName = Object.getPrototypeOf(value) === Object.prototype &&
    (outputNames.length > 1 || outputNames[0] in (value as object));
  const names = isList ? outputNames.slice(0, value.length) : Object.keys(value);
  const stranger = names.find((name) => !outputNames.includes(name));
  if (!isList && !isByName) throw notWeights(value, outputNames, what);
  const list: unknown[] = isList
    ? value
    : outputNames.map((name) => (value as Record<string, unknown>)[name]);
  if (list.length !== outputNames.length || stranger !== undefined) {
    throw new TypeError(
      `Cannot use ${what} for ${stranger ?? `${list.length} outputs`}: the model's outputs are ` +
        outputNames.join(", "),
    );
  }
  return list.map((one, i) => {
    if (one === undefined || one === null || is(one)) return one ?? undefined;
    throw notWeights(one, [outputNames[i]], `${what} for ${outputNames[i]}`);
  });
}

/** The error for a value that is not weights, with a suggestion. */
function notWeights(value: unknown, outputNames: readonly string[], what: string): TypeError {
  const isClass = what.startsWith("classWeight");
  const one = isClass ? "{ 0: weight, 1: weight, ... }" : "a tf.Tensor";
  const expected = outputNames.length === 1 ? one : `${one} for each of ${outputNames.join(", ")}`;
  return new TypeError(
    `Cannot use ${what}: expected ${expected}, got ` +
      (isClass ? describeClasses(value) : describeData(value, "sampleWeight")),
  );
}

function describeClasses(value: unknown): string {
  if (value instanceof Map) return "a Map; write Object.fromEntries(classWeight)";
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return `${describeValue(value)}; write { ...classWeight }`;
  }
  if (typeof value !== "object" || value === null) return describeValue(value);
  const wrong = Object.entries(value).find(([key, one]) =>
    !/^\d+$/.test(key) || typeof one !== "number"
  );
  return wrong === undefined ? describeValue(value) : `${wrong[0]}: ${describeValue(wrong[1])}`;
}

function isClassWeight(value: unknown): value is ClassWeight {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Map) && !ArrayBuffer.isView(value) &&
    Object.entries(value).every(([key, one]) => /^\d+$/.test(key) && typeof one === "number");
}
