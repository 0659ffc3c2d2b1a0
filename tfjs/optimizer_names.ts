import { namesByWeight, namesInFile } from "../core/weight_names.ts";
import { networkOf } from "./network.ts";
import { trainableWeights } from "./trained_weights.ts";
import type { LayersModel, Optimizer } from "./types.ts";

/** A weight that a model trains. */
export interface TrainedWeight {
  /** Name of its variable, used by optimizers. It depends on what the process created before. */
  variable: string;
  /** Path of its layer and its name in the layer. */
  path: string;
  shape: number[];
}

/** The trained weights of a model, in the order of the slots; undefined for a bare optimizer. */
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

/** Names of the trained weights in a file, in the order of the slots. */
export function trainedNamesInFile(model: LayersModel, action: string): string[] {
  const names = namesInFile(model);
  const indices = new Map(model.weights.map((weight, i) => [weight as object, i]));
  return trainableWeights(networkOf(model, action)).map((weight) =>
    names[indices.get(weight) as number]
  );
}

/**
 * Split the name of a slot into the weight and the rest: `dense/kernel`, `/m`.
 *
 * @returns index of the weight, -1 for none, and the rest of the name
 */
export function splitName(name: string, weights: readonly string[]): [index: number, rest: string] {
  let found = -1;
  weights.forEach((weight, i) => {
    const begins = name === weight || name.startsWith(`${weight}/`);
    if (begins && weight.length > (weights[found]?.length ?? -1)) found = i;
  });
  return [found, found < 0 ? name : name.slice(weights[found].length)];
}

/** Replace the prefix of a name, one of `from`, by its counterpart in `to`. */
export function renamed(name: string, from: readonly string[], to: readonly string[]): string {
  const [index, rest] = splitName(name, from);
  return index < 0 ? name : to[index] + rest;
}
