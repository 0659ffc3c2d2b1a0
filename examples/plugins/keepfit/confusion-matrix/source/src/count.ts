/** A tensor's values on the host. */
export interface HostTensor {
  shape: number[];
  values: ArrayLike<number>;
}

/** Predictions and targets of a model; only the first output is used. */
export interface Evaluation {
  outputs: HostTensor[];
  targets: HostTensor[];
}

/**
 * Count the rows of class i that were predicted as class j, as `counts[i][j]`.
 *
 * @throws RangeError if there is not one output for each class
 */
export function countOf({ outputs, targets }: Evaluation, classes: number): number[][] {
  const [predicted, truth] = [outputs[0], targets[0]];
  const width = predicted.shape.at(-1) ?? 0;
  if (predicted.shape.length !== 2 || width !== Math.max(classes, 2) && width !== 1) {
    throw new RangeError(
      `Cannot count: expected one output for each of ${classes} classes, got shape ` +
        `[${predicted.shape}]`,
    );
  }
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let row = 0; row < predicted.shape[0]; row++) {
    counts[classOf(truth, row)][classOf(predicted, row)]++;
  }
  return counts;
}

/** The class of a row: the index of its largest value, or the value if there is only one. */
function classOf({ shape, values }: HostTensor, row: number): number {
  const width = shape.length === 1 ? 1 : shape[1];
  if (width === 1) return Math.round(values[row]);
  let best = 0;
  for (let i = 1; i < width; i++) {
    if (values[row * width + i] > values[row * width + best]) best = i;
  }
  return best;
}

/** The share of rows on the diagonal. */
export function accuracyOf(counts: number[][]): number {
  const total = counts.flat().reduce((sum, count) => sum + count, 0);
  const right = counts.reduce((sum, row, i) => sum + row[i], 0);
  return total === 0 ? NaN : right / total;
}
