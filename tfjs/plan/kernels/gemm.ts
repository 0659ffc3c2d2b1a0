/** Matrix products: `assembly/gemm.ts`. */
export interface GemmKernels {
  gemm(
    M: number,
    N: number,
    K: number,
    a: number,
    rowStep: number,
    columnStep: number,
    b: number,
    c: number,
    width: number,
    bias: number,
    relu: number,
    pack: number,
    tile: number,
  ): void;
  transpose(rows: number, columns: number, from: number, to: number, width: number): void;
  columnSums(rows: number, columns: number, from: number, to: number): void;
}
