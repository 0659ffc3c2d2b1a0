/** Convolutions as products with gathered matrices: `assembly/convolution.ts`. */
export interface ConvolutionKernels {
  packPanels(K: number, N: number, b: number, to: number): void;
  packTransposed(
    T: number,
    C: number,
    N: number,
    w: number,
    taps: number,
    to: number,
  ): void;
  gatherGemm(
    M: number,
    N: number,
    K: number,
    a: number,
    rows: number,
    columns: number,
    panels: number,
    c: number,
    outputOffsets: number,
    bias: number,
    relu: number,
    adds: number,
    tile: number,
  ): void;
}
