/** A tensor's values on the host. */
export interface HostTensor {
  shape: number[];
  values: ArrayLike<number>;
}

/** What a model said, and what is true: the first output of each. */
export interface Evaluation {
  outputs: HostTensor[];
  targets: HostTensor[];
}

/**
 * How often a row of class i was said to be of class j, as `counts[i][j]`.
 *
 * @throws RangeError when the outputs are not one number for each class
 */
export function countOf({ outputs, targets }: Evaluation, classes: number): number[][] {
  const [said, truth] = [outputs[0], targets[0]];
  const width = said.shape.at(-1) ?? 0;
  if (said.shape.length !== 2 || width !== Math.max(classes, 2) && width !== 1) {
    throw new RangeError(
      `Cannot count: the model gives [${said.shape}], wanted is one number for each of ` +
        `${classes} classes`,
    );
  }
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let row = 0; row < said.shape[0]; row++) {
    counts[classOf(truth, row)][classOf(said, row)]++;
  }
  return counts;
}

/** The class of a row: the place of its greatest number, or the number itself where there is one. */
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
