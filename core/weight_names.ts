/** A weight of a layer of TensorFlow.js. */
interface LayerWeight {
  /** Original name; layers of different models may share one. */
  readonly originalName: string;
  /** Number of the weight in the process. */
  readonly id: number;
}

/** A layer or a model of TensorFlow.js; a model is a layer with layers. */
interface Layer {
  readonly name: string;
  readonly weights: readonly LayerWeight[];
  readonly layers?: readonly Layer[];
}

/**
 * Unique names of the weights of a model, in the order of its `getWeights()`: the path of the layer
 * and the name in it, `encoder/dense/kernel`. Positions do not identify weights, because
 * TensorFlow.js lists frozen ones last. It numbers unnamed layers across the process; here they are
 * numbered within the model, in order of creation.
 *
 * @returns undefined for a model of another library, which has no names
 */
export function weightNames(model: object): string[] | undefined {
  const names = namesByWeight(model);
  return names && [...names.values()];
}

/** The names by weight, in the order of {@linkcode weightNames}. */
export function namesByWeight(model: object): Map<object, string> | undefined {
  const { layers, weights } = model as Partial<Layer>;
  if (!Array.isArray(layers) || !Array.isArray(weights)) return undefined;
  if (!weights.every((weight) => typeof weight?.originalName === "string")) return undefined;
  const paths = new Map<LayerWeight, string>();
  for (const layer of layers) addPaths(paths, layer, "");
  const raw = weights.map((weight) => paths.get(weight) ?? weight.originalName);
  const names = distinct(renumbered(raw), weights);
  return new Map(weights.map((weight, i) => [weight, names[i]]));
}

/**
 * The names of the weights in a file, in the order of `getWeights()`: those of TensorFlow.js, or
 * the path if two nested models have layers of the same name, which TensorFlow.js could not load.
 */
export function namesInFile(model: object): string[] {
  const { layers = [], weights = [] } = model as Partial<Layer>;
  const paths = new Map<LayerWeight, string>();
  for (const layer of layers) addPaths(paths, layer, "");
  const counts = new Map<string, number>();
  for (const { originalName: name } of weights) counts.set(name, (counts.get(name) ?? 0) + 1);
  const names = weights.map((weight) => {
    const name = weight.originalName;
    return counts.get(name) === 1 ? name : paths.get(weight) ?? name;
  });
  return distinct(names, weights);
}

function addPaths(paths: Map<LayerWeight, string>, layer: Layer, scope: string): void {
  for (const inner of layer.layers ?? []) addPaths(paths, inner, `${scope}${layer.name}/`);
  for (const weight of layer.weights) {
    // A layer that several models share has its first path.
    if (!paths.has(weight)) paths.set(weight, scope + weight.originalName);
  }
}

/**
 * Equal names within one layer are numbered in the order in which the layer created its weights.
 */
function distinct(names: string[], weights: readonly LayerWeight[]): string[] {
  if (new Set(names).size === names.length) return names;
  return names.map((name, i) => {
    const earlier = weights.filter(({ id }, j) => names[j] === name && id < weights[i].id).length;
    return earlier === 0 ? name : `${name}#${earlier + 1}`;
  });
}

/**
 * The index of each current TensorFlow.js name among the saved ones; -1 if there is none. If the
 * names differ, unnamed layers (`dense_Dense7`) are matched by order of creation.
 */
export function matchNames(saved: readonly string[], present: readonly string[]): number[] {
  const has = new Set(saved);
  const isSame = present.length === has.size && present.every((name) => has.has(name));
  const keys = isSame ? saved : renumbered(saved);
  const positions = new Map(keys.map((key, i) => [key, i]));
  return (isSame ? present : renumbered(present)).map((key) => positions.get(key) ?? -1);
}

// `dense_Dense7/`, and the models `sequential_2/` and `model3/`.
const counted = /([a-z0-9_]+_[A-Z][A-Za-z0-9]*?|(?<![^/])(?:sequential_|model))(\d+)(?=\/)/g;

/** Names with the counters of unnamed layers renumbered from 1, separately for each kind. */
export function renumbered(names: readonly string[]): string[] {
  const counts = new Map<string, Set<number>>();
  for (const name of names) {
    for (const [, stem, count] of name.matchAll(counted)) {
      counts.set(stem, (counts.get(stem) ?? new Set()).add(Number(count)));
    }
  }
  const sorted = new Map([...counts].map(([stem, all]) => [stem, [...all].sort((a, b) => a - b)]));
  return names.map((name) =>
    name.replace(counted, (_all, stem, count) => {
      return `${stem}${(sorted.get(stem) ?? []).indexOf(Number(count)) + 1}`;
    })
  );
}
