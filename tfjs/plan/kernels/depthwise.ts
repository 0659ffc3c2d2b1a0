/** Depthwise convolutions: `assembly/depthwise.ts`. */
export interface DepthwiseKernels {
  depthwise(
    M: number,
    C: number,
    T: number,
    a: number,
    rows: number,
    taps: number,
    weights: number,
    w: number,
    bias: number,
    y: number,
    outputOffsets: number,
  ): void;
  depthwiseWeightGradient(
    M: number,
    C: number,
    T: number,
    a: number,
    rows: number,
    taps: number,
    dy: number,
    dw: number,
    adds: number,
  ): void;
  repeat(n: number, times: number, from: number, to: number): void;
  repeatGradient(n: number, times: number, dy: number, dx: number): void;
}
