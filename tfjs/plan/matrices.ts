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
const wide = 8;
/** Numbers of a tile of results: four rows. */
const tileSize = 4 * wide;

/**
 * The products with a matrix of K rows and N columns.
 *
 * @param positions rows of `x` for each row of a batch
 */
export function multiply(
  builder: Builder,
  { K, N, positions }: { K: number; N: number; positions: number },
): Product {
  const { kernels } = builder;
  // The tile comes first, then a panel of the right matrix.
  const scratch = builder.scratch(tileSize + wide * Math.max(K, N));
  const rowsScratch = builder.isTraining ? builder.scratchPerRow(wide * positions) : undefined;
  const transposed = builder.isTraining && K > 1 && N > 1 ? builder.fixed(K * N) : undefined;
  const panelAt = () => scratch.at + tileSize * 4;
  return {
    forward(M, x, w, y, bias, isRelu) {
      const relu = isRelu ? 1 : 0;
      kernels.gemm(M, N, K, x.at, K, 1, w.at, y.at, bias, relu, panelAt(), scratch.at);
    },
    weightGradient(M, x, dy, dw) {
      const panel = rowsScratch?.at ?? 0;
      kernels.gemm(K, N, M, x.at, 1, K, dy.at, dw.at, 0, 0, panel, scratch.at);
    },
    inputGradient(M, dy, w, dx) {
      // A single row or column is its own transpose.
      if (transposed !== undefined) kernels.transpose(K, N, w.at, transposed.at);
      const at = transposed?.at ?? w.at;
      kernels.gemm(M, K, N, dy.at, N, 1, at, dx.at, 0, 0, panelAt(), scratch.at);
    },
  };
}
