/** Embeddings and masks: `assembly/sequence.ts`. */
export interface SequenceKernels {
  embed(
    n: number,
    columns: number,
    count: number,
    numbers: number,
    table: number,
    to: number,
    mask: number,
  ): number;
  embedGradient(
    n: number,
    columns: number,
    numbers: number,
    from: number,
    to: number,
  ): void;
  maskSteps(
    steps: number,
    columns: number,
    value: number,
    x: number,
    mask: number,
  ): void;
  maskWeights(n: number, mask: number, weights: number, to: number): void;
  scaleRows(
    rows: number,
    columns: number,
    factors: number,
    x: number,
    y: number,
  ): void;
}
