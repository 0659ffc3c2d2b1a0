import type { Builder } from "./builder.ts";
import type { Block } from "./graph.ts";
import type { Kernels } from "./kernels.ts";
import type { LinearMap } from "./linear_map.ts";

/** Columns computed at once by the kernel. */
const panelWidth = 8;
/** Rows computed at once by the kernel. */
const tileRows = 4;
/** Values in a tile of results: four rows. */
const tileSize = tileRows * panelWidth;

/** Rows added up at once. Short sums have smaller rounding errors. */
const chunkRows = 256;

/** Rows transposed at once by the kernel. */
const transposedRows = 16;

/** Multiply-adds that take as long as the transposition of a value. */
const transposition = 16;

/** Products with a K x N matrix. */
export function multiply(builder: Builder, K: number, N: number): LinearMap {
  const { kernels, share } = builder;
  // Layout: the tile, a panel of the right matrix, a partial sum.
  const panelSize = panelWidth * Math.max(K, N, chunkRows);
  const scratchSize = tileSize + panelSize;
  const scratch = builder.scratch(scratchSize + (builder.isTraining ? K * N : 0));
  const transposed = builder.isTraining && K > 1 && N > 1 ? builder.fixed(K * N) : undefined;
  const product = shareProduct(builder, scratchSize);

  /** Compute some rows of the gradient of the matrix. */
  const differentiate = (
    M: number,
    x: Block,
    dy: Block,
    dw: Block,
    begin: number,
    end: number,
    kernels: Kernels,
    tile: number,
  ): void => {
    const size = end - begin;
    const offset = begin * N * 4;
    const panelAt = tile + tileSize * 4;
    const partAt = scratch.address + scratchSize * 4 + offset;
    for (let i = 0; i < M; i += chunkRows) {
      const count = Math.min(chunkRows, M - i);
      const [from, gradient] = [x.address + (i * K + begin) * 4, dy.address + i * N * 4];
      const to = i === 0 ? dw.address + offset : partAt;
      kernels.gemm(size, N, count, from, 1, K, gradient, to, N, 0, 0, panelAt, tile);
      if (i > 0) kernels.add(size * N, partAt, dw.address + offset);
    }
  };

  return {
    forward(M, x, w, y, bias, isRelu) {
      const { address } = scratch;
      const relu = isRelu ? 1 : 0;
      product(kernels, address, M, N, K, x.address, K, 1, w.address, y.address, bias, relu);
    },
    weightGradient(M, x, dy, dw) {
      const multiplyAdds = M * N * K;
      const { address } = scratch;
      if (multiplyAdds < share.least) return differentiate(M, x, dy, dw, 0, K, kernels, address);
      // Each part packs the gradients.
      const work = { count: K, unit: tileRows, multiplyAdds, scratchSize, partSize: 64 };
      share.run(work, address, (begin, end, kernels, tile) => {
        differentiate(M, x, dy, dw, begin, end, kernels, tile);
      });
    },
    inputGradient(M, dy, w, dx) {
      // A single row or column is its own transpose.
      if (transposed !== undefined) transpose(builder, K, N, w.address, transposed.address);
      const at = transposed?.address ?? w.address;
      const { address } = scratch;
      product(kernels, address, M, K, N, dy.address, N, 1, at, dx.address, 0, 0);
    },
  };
}

/** Computes a product of strided rows. Takes addresses. */
export type StridedProduct = (
  part: PartOfRows,
  /** Number of rows. */
  M: number,
  x: number,
  /** Distance between rows of x, in values. */
  step: number,
  w: number,
  y: number,
) => void;

/** Who computes: a thread, its kernels and the address of its scratch memory. */
export interface PartOfRows {
  kernels: Kernels;
  scratch: number;
}

/** Values of the scratch memory of {@linkcode multiplyStrided}. */
export function stridedScratch(K: number): number {
  return tileSize + panelWidth * K;
}

/** The product of strided rows with a K x N matrix. */
export function multiplyStrided(builder: Builder, K: number, N: number): StridedProduct {
  const scratchSize = stridedScratch(K);
  builder.scratch(scratchSize);
  const product = shareProduct(builder, scratchSize);
  return ({ kernels, scratch }, M, x, step, w, y) =>
    product(kernels, scratch, M, N, K, x, step, 1, w, y, 0, 0);
}

/**
 * Products C = A B of small matrices. Takes addresses; A may have any strides, in values.
 *
 * @param largest largest dimension of any of the matrices
 */
export function multiplySmall(builder: Builder, largest: number) {
  const scratchSize = stridedScratch(largest);
  const scratch = builder.scratch(scratchSize);
  const product = shareProduct(builder, scratchSize);
  const { kernels } = builder;
  return (
    [M, N, K]: [number, number, number],
    a: number,
    [rowStep, columnStep]: number[],
    b: number,
    c: number,
  ): void => {
    product(kernels, scratch.address, M, N, K, a, rowStep, columnStep, b, c, 0, 0);
  };
}

/**
 * Products C = relu(A B + bias), of all threads if they are large. Takes the kernels and the scratch
 * memory of this thread, and addresses; A may have any strides, in values.
 */
function shareProduct({ share }: Builder, scratchSize: number) {
  return (
    kernels: Kernels,
    scratch: number,
    M: number,
    N: number,
    K: number,
    a: number,
    rowStep: number,
    columnStep: number,
    b: number,
    c: number,
    bias: number,
    relu: number,
  ): void => {
    const multiplyAdds = M * N * K;
    if (multiplyAdds < share.least) {
      const panelAt = scratch + tileSize * 4;
      kernels.gemm(M, N, K, a, rowStep, columnStep, b, c, N, bias, relu, panelAt, scratch);
      return;
    }
    // Each part of the rows packs the whole right matrix.
    const byColumns = N >= M;
    const [count, unit] = byColumns ? [N, panelWidth] : [M, tileRows];
    share.run({ count, unit, multiplyAdds, scratchSize }, scratch, (begin, end, kernels, tile) => {
      const panelAt = tile + tileSize * 4;
      const [rows, columns] = byColumns ? [M, end - begin] : [end - begin, N];
      const [row, column] = byColumns ? [0, begin * 4] : [begin * 4, 0];
      // deno-fmt-ignore
      kernels.gemm(
        rows, columns, K, a + row * rowStep, rowStep, columnStep, b + column,
        c + row * N + column, N, bias === 0 ? 0 : bias + column, relu, panelAt, tile,
      );
    });
  };
}

/** Transpose a matrix of `rows` x `columns`. Takes addresses. */
export function transpose(
  { kernels, share }: Builder,
  rows: number,
  columns: number,
  from: number,
  to: number,
): void {
  const multiplyAdds = rows * columns * transposition;
  if (multiplyAdds < share.least) return kernels.transpose(rows, columns, from, to, rows);
  const work = { count: rows, unit: transposedRows, multiplyAdds, scratchSize: 0 };
  share.run(work, 0, (begin, end, kernels) => {
    kernels.transpose(end - begin, columns, from + begin * columns * 4, to + begin * 4, rows);
  });
}
