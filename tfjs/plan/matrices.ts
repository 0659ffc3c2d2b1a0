import type { Block, Builder } from "./builder.ts";

/** A product of rows with a matrix, and its gradients. */
export interface Product {
  /**
   * y = x w + bias, for M rows.
   *
   * @param bias address, 0 for none
   */
  forward(M: number, x: Block, w: Block, y: Block, bias: number, isRelu: boolean): void;
  /** The gradient of `w` from that of `y`. */
  weightGradient(M: number, x: Block, dy: Block, dw: Block): void;
  /** The gradient of `x` from that of `y`. */
  inputGradient(M: number, dy: Block, w: Block, dx: Block): void;
}

/** Columns that the kernel computes at once. */
const panelWidth = 8;
/** Numbers of a tile of results: four rows. */
const tileSize = 4 * panelWidth;

/** Rows that are added up at once: the fewer, the less is lost to rounding. */
const chunkRows = 256;

/** The products with a matrix of K rows and N columns. */
export function multiply(builder: Builder, K: number, N: number): Product {
  const { kernels } = builder;
  // The tile comes first, then a panel of the right matrix, then a part of a sum.
  const panelSize = panelWidth * Math.max(K, N, chunkRows);
  const scratch = builder.scratch(tileSize + panelSize + (builder.isTraining ? K * N : 0));
  const transposed = builder.isTraining && K > 1 && N > 1 ? builder.fixed(K * N) : undefined;
  const panelAt = () => scratch.address + tileSize * 4;
  return {
    forward(M, x, w, y, bias, isRelu) {
      const relu = isRelu ? 1 : 0;
      kernels.gemm(
        M,
        N,
        K,
        x.address,
        K,
        1,
        w.address,
        y.address,
        bias,
        relu,
        panelAt(),
        scratch.address,
      );
    },
    weightGradient(M, x, dy, dw) {
      const partAt = panelAt() + panelSize * 4;
      for (let i = 0; i < M; i += chunkRows) {
        const count = Math.min(chunkRows, M - i);
        const [from, gradient] = [x.address + i * K * 4, dy.address + i * N * 4];
        const to = i === 0 ? dw.address : partAt;
        kernels.gemm(K, N, count, from, 1, K, gradient, to, 0, 0, panelAt(), scratch.address);
        if (i > 0) kernels.add(K * N, partAt, dw.address);
      }
    },
    inputGradient(M, dy, w, dx) {
      // A single row or column is its own transpose.
      if (transposed !== undefined) kernels.transpose(K, N, w.address, transposed.address);
      const at = transposed?.address ?? w.address;
      kernels.gemm(M, K, N, dy.address, N, 1, at, dx.address, 0, 0, panelAt(), scratch.address);
    },
  };
}

/**
 * The product with a matrix of K rows and N columns of rows that are `step` numbers apart; all by
 * address.
 */
export function multiplyStrided(
  builder: Builder,
  K: number,
  N: number,
): (M: number, x: number, step: number, w: number, y: number) => void {
  const scratch = builder.scratch(tileSize + panelWidth * K);
  return (M, x, step, w, y) => {
    const panelAt = scratch.address + tileSize * 4;
    builder.kernels.gemm(M, N, K, x, step, 1, w, y, 0, 0, panelAt, scratch.address);
  };
}

/**
 * Products of small matrices by address; the left one has any distance of rows and columns.
 *
 * @param largest the largest size of any
 */
export function multiplySmall(builder: Builder, largest: number) {
  const scratch = builder.scratch(tileSize + panelWidth * largest);
  return (
    [M, N, K]: [number, number, number],
    a: number,
    [rowStep, columnStep]: number[],
    b: number,
    c: number,
  ): void => {
    const panelAt = scratch.address + tileSize * 4;
    builder.kernels.gemm(M, N, K, a, rowStep, columnStep, b, c, 0, 0, panelAt, scratch.address);
  };
}
