/** Losses, metrics and penalties: `assembly/loss.ts`. */
export interface LossKernels {
  squaredError: LossKernel;
  absoluteError: LossKernel;
  categoricalCrossentropy: LossKernel;
  sparseCategoricalCrossentropy: LossKernel;
  binaryCrossentropy: LossKernel;
  categoricalAccuracy: AccuracyKernel;
  sparseCategoricalAccuracy: AccuracyKernel;
  binaryAccuracy: AccuracyKernel;
  penalty(n: number, w: number, l1: number, l2: number, d: number): number;
}

/** Returns the sum over the positions. `d` receives its gradient times `scale`. */
export type LossKernel = (
  positions: number,
  columns: number,
  predictions: number,
  targets: number,
  weights: number,
  d: number,
  scale: number,
) => number;

/** Returns the sum over the positions. */
export type AccuracyKernel = (
  positions: number,
  columns: number,
  predictions: number,
  targets: number,
) => number;
