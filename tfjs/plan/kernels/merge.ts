/** Elementwise functions of two arrays, and copies: `assembly/merge.ts`. */
export interface MergeKernels {
  multiply(n: number, a: number, b: number, to: number): void;
  scale(n: number, factor: number, from: number, to: number): void;
  pick(n: number, isLarger: number, a: number, b: number, to: number): void;
  pickGradient(n: number, x: number, picked: number, d: number, to: number): void;
  copyColumns(
    rows: number,
    width: number,
    from: number,
    fromStep: number,
    to: number,
    toStep: number,
  ): void;
  gather(
    rows: number,
    n: number,
    map: number,
    from: number,
    fromStep: number,
    to: number,
  ): void;
  scatterAdd(
    rows: number,
    n: number,
    map: number,
    from: number,
    to: number,
    toStep: number,
  ): void;
}
