import type { Builder } from "./builder.ts";
import type { LinearMap } from "./linear_map.ts";

/** Columns computed at once by the kernel. */
const panelWidth = 8;
/** Values in a tile of results: four rows. */
const tileSize = 4 * panelWidth;

/** Rows added up at once. Short sums have smaller rounding errors. */
const chunkRows = 256;

/** Products with a K x N matrix. */
export function multiply(builder: Builder, K: number, N: number): LinearMap {
  const { kernels } = builder;
  // Layout: the tile, a panel of the right matrix, a partial sum.
  const panelSize = panelWidth * Math.max(K, N, chunkRows);
  const scratch = builder.scratch(tileSize + panelSize + (builder.isTraining ? K * N : 0));
  const transposed = builder.isTraining && K > 1 && N > 1 ? builder.fixed(K * N) : undefined;
  const panelAt = () => scratch.address + tileSize * 4;
  return {
    forward(M, x, w, y, bias, isRelu) {
      const relu = isRelu ? 1 : 0;
      // deno-fmt-ignore
      kernels.gemm(
        M, N, K, x.address, K, 1, w.address, y.address, bias, relu, panelAt(), scratch.address,
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
 * The product of M strided rows with a K x N matrix. Takes addresses; `step` is the distance
 * between rows of x, in values.
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
 * Products C = A B of small matrices. Takes addresses; A may have any strides, in values.
 *
 * @param largest largest dimension of any of the matrices
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
