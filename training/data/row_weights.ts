import type * as tf from "@tensorflow/tfjs";
import { type ClassWeight, type ClassWeights, isTensor, type Tensors } from "./data.ts";

/** Weights of rows, or of rows and steps, on the host. */
export interface RowWeights {
  values: Float32Array;
  /** Shape of one row's weights: empty, or the steps. */
  rowShape: number[];
}

/** What rows weigh, as the user gave it. */
export interface GivenWeights {
  sampleWeight?: Tensors;
  classWeight?: ClassWeights;
  /** How messages call the data: "training" or "validation". */
  role: string;
}

/**
 * Sample weights times class weights, for each output; undefined where it has neither.
 *
 * @throws TypeError for weights that fit no output
 * @throws RangeError for weights of another number of rows, and for a class without a weight
 */
export async function rowWeights(
  ys: tf.Tensor[],
  outputNames: readonly string[],
  rows: number,
  { sampleWeight, classWeight, role }: GivenWeights,
): Promise<(RowWeights | undefined)[]> {
  const samples = forOutputs(sampleWeight, outputNames, `${role} sampleWeight`, isTensor);
  const classes = forOutputs(classWeight, outputNames, "classWeight", isClassWeight);
  return await Promise.all(ys.map(async (target, i) => {
    const ofSample = samples[i] && await sampleWeights(samples[i], rows, role);
    const ofClass = classes[i] && await classWeights(target, classes[i], outputNames[i]);
    if (ofSample === undefined || ofClass === undefined) {
      return ofSample ?? (ofClass && { values: ofClass, rowShape: [] });
    }
    const { values } = ofSample;
    const width = values.length / rows;
    for (let at = 0; at < values.length; at++) values[at] *= ofClass[Math.floor(at / width)];
    return ofSample;
  }));
}

async function sampleWeights(weight: tf.Tensor, rows: number, role: string): Promise<RowWeights> {
  if (weight.shape[0] !== rows) {
    throw new RangeError(
      `Cannot use ${role} sampleWeight of shape [${weight.shape}]: x has ${rows} rows`,
    );
  }
  // A copy: on the cpu backend data() is the live storage.
  const values = Float32Array.from(await weight.data() as Float32Array);
  return { values, rowShape: weight.shape.slice(1) };
}

async function classWeights(
  target: tf.Tensor,
  weights: ClassWeight,
  output: string,
): Promise<Float32Array> {
  if (target.rank > 2) {
    throw new RangeError(
      `Cannot use classWeight for ${output}: its targets have shape [${target.shape}], class ` +
        `numbers or one-hot rows are needed`,
    );
  }
  const values = await target.data() as Float32Array;
  const found = new Float32Array(target.shape[0]);
  const width = values.length / found.length;
  for (let row = 0; row < found.length; row++) {
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
        `Cannot use classWeight for ${output}: class ${number} is in the data and not among the ` +
          `weights (${Object.keys(weights).join(", ")})`,
      );
    }
    found[row] = weight;
  }
  return found;
}

/** One thing for each output: given alone, in order, or by name. Empty when nothing was given. */
function forOutputs<T>(
  given: unknown,
  outputNames: readonly string[],
  what: string,
  is: (value: unknown) => value is T,
): (T | undefined)[] {
  if (given === undefined || given === null) return [];
  if (is(given)) {
    if (outputNames.length === 1) return [given];
    throw new TypeError(
      `Cannot use one ${what} for ${outputNames.length} outputs: give one for each of ` +
        outputNames.join(", "),
    );
  }
  if (typeof given !== "object") {
    throw new TypeError(
      `Cannot use ${String(given)} as ${what}: give one for each of ${outputNames.join(", ")}`,
    );
  }
  const names = Array.isArray(given) ? outputNames.slice(0, given.length) : Object.keys(given);
  const list: unknown[] = Array.isArray(given)
    ? given
    : outputNames.map((name) => (given as Record<string, unknown>)[name]);
  const stranger = names.find((name) => !outputNames.includes(name));
  if (list.length !== outputNames.length || stranger !== undefined) {
    throw new TypeError(
      `Cannot use ${what} for ${stranger ?? `${list.length} outputs`}: the model's outputs are ` +
        outputNames.join(", "),
    );
  }
  return list.map((one, i) => {
    if (one === undefined || one === null || is(one)) return one ?? undefined;
    throw new TypeError(`Cannot use ${what} for ${outputNames[i]}: got ${typeof one}`);
  });
}

function isClassWeight(value: unknown): value is ClassWeight {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.entries(value).every(([key, one]) => /^\d+$/.test(key) && typeof one === "number");
}
