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
 * for a skipped layer, which is skipped as a whole.
 *
 * @throws RangeError for a mismatch, and when no weight can be loaded
 */
export function matchWeights<W extends WeightSpec>(
  model: LayersModel,
  saved: W[],
  { skipMismatch, byName, action }: MatchOptions,
): (W | undefined)[] {
  const wanted = model.weights;
  const names = namesInFile(model);
  const given = saved.map(({ name }) => name);
  if (new Set(given).size < given.length) {
    const twice = given.find((name, i) => given.indexOf(name) !== i);
    throw new RangeError(
      `${action}: it has two weights '${twice}', of layers of one name in different models; give ` +
        `them names of their own and save it again`,
    );
  }
  const places = byName ? names.map((name) => given.indexOf(name)) : matchNames(given, names);
  const missing = names.filter((_name, i) => places[i] < 0);
  const extra = given.filter((_name, i) => !places.includes(i));
  const isUnlike = names.map((_name, i) => {
    if (places[i] < 0) return false;
    const { shape, dtype } = saved[places[i]];
    return String(shape) !== String(wanted[i].shape) || dtype !== wanted[i].dtype;
  });
  if (!byName) checkAll(action, { missing, extra, given, names });
  const unlike = isUnlike.indexOf(true);
  if (unlike >= 0 && !skipMismatch) {
    const { shape, dtype } = saved[places[unlike]];
    throw new RangeError(
      `${action}: '${names[unlike]}' was saved as ${dtype}[${shape}], the model has ` +
        `${wanted[unlike].dtype}[${wanted[unlike].shape}]` +
        (byName ? "; skipMismatch leaves such layers as they are" : ""),
    );
  }
  const skipped = new Set(
    names.filter((_name, i) => places[i] < 0 || isUnlike[i]).map(layerOf),
  );
  const matched = names.map((name, i) => skipped.has(layerOf(name)) ? undefined : saved[places[i]]);
  if (matched.every((weight) => weight === undefined)) {
    throw new RangeError(
      `${action}: none of its weights fits the model: it has '${given.join("', '")}', the model ` +
        `'${names.join("', '")}'`,
    );
  }
  return matched;
}

function checkAll(
  action: string,
  { missing, extra, given, names }: Record<"missing" | "extra" | "given" | "names", string[]>,
): void {
  if (missing.length > 0) {
    throw new RangeError(
      `${action}: it has no '${missing.join("', '")}', which the model wants` +
        (extra.length > 0 ? `; the model does not know its '${extra.join("', '")}'` : "") +
        `. byName loads the layers that both have`,
    );
  }
  if (given.length !== names.length) {
    throw new RangeError(
      `${action}: it has ${given.length} weights, the model ${names.length}; ` +
        `too many are '${extra.join("', '")}'. byName loads the layers that both have`,
    );
  }
}

/** The layer of a weight: its name without the last part. */
function layerOf(name: string): string {
  return name.slice(0, name.lastIndexOf("/"));
}
