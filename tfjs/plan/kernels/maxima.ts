/** Gradients of convolutions from those of maxima: `assembly/maxima.ts`. */
export interface MaximaKernels {
  findMaxima(
    count: number,
    N: number,
    x: number,
    pixels: number,
    T: number,
    taps: number,
    windows: number,
    steps: number,
    y: number,
    offsets: number,
  ): void;
  listMaxima(count: number, N: number, offsets: number, dy: number, lists: number): void;
  maximaWeightGradient(
    columns: number,
    N: number,
    count: number,
    lists: number,
    x: number,
    V: number,
    vectors: number,
    dw: number,
  ): void;
  maximaInputGradient(
    N: number,
    count: number,
    lists: number,
    w: number,
    V: number,
    vectors: number,
    dx: number,
  ): void;
}
