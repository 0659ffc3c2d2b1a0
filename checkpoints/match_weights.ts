import type { LayersModel } from "@tensorflow/tfjs";
import { matchNames, namesInFile } from "../core/weight_names.ts";

/** A saved weight. */
interface WeightSpec {
  name: string;
  shape: number[];
  dtype: string;
}

/** Allowed differences between a checkpoint and a model. */
export interface MatchOptions {
  /** Whether to skip layers of another shape or type. */
  skipMismatch: boolean;
  /** Whether to skip layers that only one side has. */
  byName: boolean;
  /** Start of error messages. */
  action: string;
}

/**
 * The saved weights in the model's order, each checked against the weight it replaces; undefined
 * for all weights of a skipped layer.
 *
 * @throws RangeError for a mismatch, or if no weight can be loaded
 */
export function matchWeights<W extends WeightSpec>(
  model: LayersModel,
  saved: W[],
  { skipMismatch, byName, action }: MatchOptions,
): (W | undefined)[] {
  const weights = model.weights;
  const names = namesInFile(model);
  const savedNames = saved.map(({ name }) => name);
  if (new Set(savedNames).size < savedNames.length) {
    const twice = savedNames.find((name, i) => savedNames.indexOf(name) !== i);
    throw new RangeError(
      `${action}: it has two weights '${twice}', of layers with the same name in different models; give ` +
        `them different names and save it again`,
    );
  }
  const positions = byName
    ? names.map((name) => savedNames.indexOf(name))
    : matchNames(savedNames, names);
  const missing = names.filter((_name, i) => positions[i] < 0);
  const extra = savedNames.filter((_name, i) => !positions.includes(i));
  const isUnlike = names.map((_name, i) => {
    if (positions[i] < 0) return false;
    const { shape, dtype } = saved[positions[i]];
    return String(shape) !== String(weights[i].shape) || dtype !== weights[i].dtype;
  });
  if (!byName) checkAll(action, { missing, extra, savedNames, names });
  const unlike = isUnlike.indexOf(true);
  if (unlike >= 0 && !skipMismatch) {
    const { shape, dtype } = saved[positions[unlike]];
    throw new RangeError(
      `${action}: '${names[unlike]}' was saved as ${dtype}[${shape}], the model has ` +
        `${weights[unlike].dtype}[${weights[unlike].shape}]` +
        (byName ? "; skipMismatch skips such layers" : ""),
    );
  }
  const skipped = new Set(
    names.filter((_name, i) => positions[i] < 0 || isUnlike[i]).map(layerOf),
  );
  const matched = names.map((name, i) =>
    skipped.has(layerOf(name)) ? undefined : saved[positions[i]]
  );
  if (matched.every((weight) => weight === undefined)) {
    throw new RangeError(
      `${action}: none of its weights matches the model: it has '${
        savedNames.join("', '")
      }', the model ` +
        `'${names.join("', '")}'`,
    );
  }
  return matched;
}

function checkAll(
  action: string,
  { missing, extra, savedNames, names }: Record<
    "missing" | "extra" | "savedNames" | "names",
    string[]
  >,
): void {
  if (missing.length > 0) {
    throw new RangeError(
      `${action}: it has no '${missing.join("', '")}', which the model needs` +
        (extra.length > 0 ? `; the model has no '${extra.join("', '")}'` : "") +
        `. byName loads the layers that both have`,
    );
  }
  if (savedNames.length !== names.length) {
    throw new RangeError(
      `${action}: it has ${savedNames.length} weights, the model ${names.length}; ` +
        `additional weights are '${extra.join("', '")}'. byName loads the layers that both have`,
    );
  }
}

/** The layer of a weight: its name without the last part. */
function layerOf(name: string): string {
  return name.slice(0, name.lastIndexOf("/"));
}
