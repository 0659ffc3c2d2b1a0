/**
 * Direction in which a log key improves: the one that the metric declares; otherwise down for
 * losses and errors, up for accuracies and similar metrics. The prefix `val_` and an output's name
 * do not matter.
 *
 * @returns undefined for an unknown metric
 */
export function directionOf(
  key: string,
  declared: Record<string, "min" | "max">,
): "min" | "max" | undefined {
  const name = key.startsWith("val_") ? key.slice(4) : key;
  if (declared[name] !== undefined) return declared[name];
  // With several outputs the metric is `<output>_<metric>`; the name of the output may contain
  // underscores.
  for (let at = 0; at >= 0; at = name.indexOf("_", at + 1)) {
    const bare = simplify(at === 0 ? name : name.slice(at + 1));
    if (bare === "loss" || down.has(bare)) return "min";
    if (up.has(bare)) return "max";
  }
  return undefined;
}

/** A duplicate metric has a number after its name. */
function simplify(name: string): string {
  return name.replace(/_\d+$/, "").replaceAll("_", "").toLowerCase();
}

// Keras's declarations, with TensorFlow.js's names and short names for the same metrics.
const up = new Set([
  "acc",
  "accuracy",
  "binaryaccuracy",
  "categoricalaccuracy",
  "sparsecategoricalaccuracy",
  "topkcategoricalaccuracy",
  "sparsetopkcategoricalaccuracy",
  "precision",
  "recall",
  "auc",
  "f1",
  "f1score",
  "fbetascore",
  "iou",
  "binaryiou",
  "meaniou",
  "onehotiou",
  "onehotmeaniou",
  "cosinesimilarity",
  "r2",
  "r2score",
  "pearsoncorrelation",
  "concordancecorrelation",
  "sensitivityatspecificity",
  "specificityatsensitivity",
  "precisionatrecall",
  "recallatprecision",
]);
const down = new Set([
  "mse",
  "meansquarederror",
  "mae",
  "meanabsoluteerror",
  "mape",
  "meanabsolutepercentageerror",
  "msle",
  "meansquaredlogarithmicerror",
  "rmse",
  "rootmeansquarederror",
  "logcosh",
  "logcosherror",
  "hinge",
  "squaredhinge",
  "categoricalhinge",
  "ce",
  "crossentropy",
  "binarycrossentropy",
  "categoricalcrossentropy",
  "sparsecategoricalcrossentropy",
  "kldivergence",
  "kullbackleiblerdivergence",
  "poisson",
  "cosine",
  "cosineproximity",
]);
