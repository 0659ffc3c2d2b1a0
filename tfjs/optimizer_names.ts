import { namesByWeight, namesInFile } from "../core/weight_names.ts";
import { networkOf, trainableWeights } from "./compiled.ts";
import type { LayersModel, Optimizer } from "./types.ts";

/** A weight that a model trains. */
export interface TrainedWeight {
  /** Name of its variable, by which optimizers know it; it depends on what the process made before. */
  variable: string;
  /** Path of its layer and its name there. */
  path: string;
  shape: number[];
}

/** The trained weights of a model, in the order of the slots; undefined for an optimizer alone. */
export function trainedWeights(
  optimizerOrModel: Optimizer | LayersModel,
): TrainedWeight[] | undefined {
  if (!("getWeights" in optimizerOrModel && "layers" in optimizerOrModel)) return undefined;
  const names = namesByWeight(optimizerOrModel);
  return trainableWeights(networkOf(optimizerOrModel, "read the optimizer's state")).map(
    (weight) => {
      const { name, shape } = weight.read();
      return { variable: name, path: names?.get(weight) ?? weight.originalName, shape };
    },
  );
}

/** The names under which a file has the trained weights, in the order of the slots. */
export function trainedNamesInFile(model: LayersModel, action: string): string[] {
  const names = namesInFile(model);
  const places = new Map(model.weights.map((weight, i) => [weight as object, i]));
  return trainableWeights(networkOf(model, action)).map((weight) =>
    names[places.get(weight) as number]
  );
}

/** What a name begins with, of some names of weights, and the rest: `dense/kernel`, `/m`. */
export function splitName(name: string, weights: readonly string[]): [at: number, rest: string] {
  let found = -1;
  weights.forEach((weight, i) => {
    const begins = name === weight || name.startsWith(`${weight}/`);
    if (begins && weight.length > (weights[found]?.length ?? -1)) found = i;
  });
  return [found, found < 0 ? name : name.slice(weights[found].length)];
}

/** A name that begins with one of `from`, with its counterpart of `to` instead; others stay. */
export function renamed(name: string, from: readonly string[], to: readonly string[]): string {
  const [at, rest] = splitName(name, from);
  return at < 0 ? name : to[at] + rest;
}
