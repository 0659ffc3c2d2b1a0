/** Batch and layer normalization: `assembly/normalization.ts`. */
export interface NormalizationKernels {
  moments(rows: number, columns: number, x: number, mean: number, variance: number): void;
  columnProducts(
    rows: number,
    columns: number,
    x: number,
    mean: number,
    d: number,
    to: number,
  ): void;
  overDeviation(n: number, variance: number, epsilon: number, by: number, to: number): void;
  normalize(
    rows: number,
    columns: number,
    x: number,
    mean: number,
    factor: number,
    offset: number,
    y: number,
  ): void;
  normalizeGradient(
    rows: number,
    columns: number,
    x: number,
    mean: number,
    inverse: number,
    factor: number,
    sums: number,
    products: number,
    dy: number,
    dx: number,
    work: number,
  ): void;
  scaleColumns(rows: number, columns: number, from: number, factor: number, to: number): void;
  movingAverage(n: number, before: number, batch: number, decay: number, to: number): void;
  layerNormalize(
    rows: number,
    columns: number,
    x: number,
    gamma: number,
    beta: number,
    epsilon: number,
    y: number,
    means: number,
    inverses: number,
  ): void;
  layerNormalizeGradient(
    rows: number,
    columns: number,
    x: number,
    gamma: number,
    means: number,
    inverses: number,
    dy: number,
    dx: number,
  ): void;
  layerGammaGradient(
    rows: number,
    columns: number,
    x: number,
    means: number,
    inverses: number,
    dy: number,
    to: number,
  ): void;
}
