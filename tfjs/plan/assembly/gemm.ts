// Matrix products. C[m, n] is the sum of A[m, k] * B[k, n] in the order of k, as in tfjs's kernel, so
// that the results are bit-identical.
import { at } from "./address";
import { relu4 } from "./math";

/** Columns computed at once: two vectors. */
const wide: i32 = 8;

/**
 * C = relu(A B + bias).
 *
 * @param rowStep stride of the rows of A, in values
 * @param columnStep stride of the columns of A, in values; swapped with rowStep for a transposed A
 * @param width stride of the rows of B and C, in values: their columns, of which N are computed
 * @param bias address of N values; 0 for none
 * @param relu 1 to apply relu
 * @param pack scratch memory for K * 8 values
 * @param tile scratch memory for 32 values
 */
export function gemm(
  M: i32, N: i32, K: i32,
  a: usize, rowStep: i32, columnStep: i32,
  b: usize, c: usize, width: i32, bias: usize, relu: i32,
  pack: usize, tile: usize,
): void {
  // Not for a single column of several, so that the sums have the same order.
  if (width == 1 && columnStep == 1) return dots(M, K, a, rowStep, b, c, bias, relu);
  const rs: usize = <usize> rowStep << 2;
  const cs: usize = <usize> columnStep << 2;
  const ldb: usize = <usize> width << 2;
  for (let j = 0; j < N; j += wide) {
    const count = min(wide, N - j);
    let panel = at(b, j);
    let step = ldb;
    // Packing does not pay off for a few rows.
    if (count < wide || (K > 48 && M > 4)) {
      packPanel(K, count, panel, ldb, pack);
      panel = pack;
      step = wide << 2;
    }
    let bias0 = f32x4.splat(0);
    let bias1 = bias0;
    if (bias != 0) {
      if (count == wide) {
        bias0 = v128.load(at(bias, j));
        bias1 = v128.load(at(bias, j), 16);
      } else {
        for (let n = 0; n < wide; n++) store<f32>(at(tile, n), n < count ? load<f32>(at(bias, j + n)) : 0);
        bias0 = v128.load(tile);
        bias1 = v128.load(tile, 16);
      }
    }
    let i = 0;
    for (; i + 4 <= M; i += 4) {
      const to = at(c, i * width + j);
      if (count == wide) fourRows(K, a + <usize> i * rs, rs, cs, panel, step, bias0, bias1, relu, to, ldb);
      else {
        fourRows(K, a + <usize> i * rs, rs, cs, panel, step, bias0, bias1, relu, tile, wide << 2);
        for (let row = 0; row < 4; row++) copyFew(at(tile, row * wide), to + <usize> row * ldb, count);
      }
    }
    for (; i < M; i++) {
      const to = at(c, i * width + j);
      if (count == wide) oneRow(K, a + <usize> i * rs, cs, panel, step, bias0, bias1, relu, to);
      else {
        oneRow(K, a + <usize> i * rs, cs, panel, step, bias0, bias1, relu, tile);
        copyFew(tile, to, count);
      }
    }
  }
}

@inline
function copyFew(from: usize, to: usize, count: i32): void {
  for (let n = 0; n < count; n++) store<f32>(at(to, n), load<f32>(at(from, n)));
}

/** Pack columns of B next to each other, padded with zeros. */
function packPanel(K: i32, width: i32, b: usize, ldb: usize, pack: usize): void {
  if (width == wide) {
    for (let k = 0; k < K; k++) {
      v128.store(pack, v128.load(b));
      v128.store(pack, v128.load(b, 16), 16);
      pack += wide << 2;
      b += ldb;
    }
    return;
  }
  const zero = f32x4.splat(0);
  for (let k = 0; k < K; k++) {
    v128.store(pack, zero);
    v128.store(pack, zero, 16);
    copyFew(b, pack, width);
    pack += wide << 2;
    b += ldb;
  }
}

@inline
function fourRows(
  K: i32, a: usize, rs: usize, cs: usize, b: usize, ldb: usize,
  bias0: v128, bias1: v128, relu: i32, c: usize, ldc: usize,
): void {
  let c00 = bias0, c01 = bias1, c10 = bias0, c11 = bias1;
  let c20 = bias0, c21 = bias1, c30 = bias0, c31 = bias1;
  let a0 = a, a1 = a0 + rs, a2 = a1 + rs, a3 = a2 + rs;
  // Without a counter: every runtime computes a few percent more.
  for (const end = b + <usize> K * ldb; b < end;) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    b += ldb;
    let s = v128.load32_splat(a0);
    c00 = f32x4.add(c00, f32x4.mul(s, b0));
    c01 = f32x4.add(c01, f32x4.mul(s, b1));
    s = v128.load32_splat(a1);
    c10 = f32x4.add(c10, f32x4.mul(s, b0));
    c11 = f32x4.add(c11, f32x4.mul(s, b1));
    s = v128.load32_splat(a2);
    c20 = f32x4.add(c20, f32x4.mul(s, b0));
    c21 = f32x4.add(c21, f32x4.mul(s, b1));
    s = v128.load32_splat(a3);
    c30 = f32x4.add(c30, f32x4.mul(s, b0));
    c31 = f32x4.add(c31, f32x4.mul(s, b1));
    a0 += cs; a1 += cs; a2 += cs; a3 += cs;
  }
  if (relu) {
    c00 = relu4(c00); c01 = relu4(c01);
    c10 = relu4(c10); c11 = relu4(c11);
    c20 = relu4(c20); c21 = relu4(c21);
    c30 = relu4(c30); c31 = relu4(c31);
  }
  v128.store(c, c00); v128.store(c, c01, 16); c += ldc;
  v128.store(c, c10); v128.store(c, c11, 16); c += ldc;
  v128.store(c, c20); v128.store(c, c21, 16); c += ldc;
  v128.store(c, c30); v128.store(c, c31, 16);
}

@inline
function oneRow(
  K: i32, a: usize, cs: usize, b: usize, ldb: usize,
  bias0: v128, bias1: v128, relu: i32, c: usize,
): void {
  let c0 = bias0, c1 = bias1;
  for (const end = b + <usize> K * ldb; b < end;) {
    const s = v128.load32_splat(a);
    c0 = f32x4.add(c0, f32x4.mul(s, v128.load(b)));
    c1 = f32x4.add(c1, f32x4.mul(s, v128.load(b, 16)));
    b += ldb;
    a += cs;
  }
  if (relu) {
    c0 = relu4(c0);
    c1 = relu4(c1);
  }
  v128.store(c, c0);
  v128.store(c, c1, 16);
}

/** Product with a single column. */
function dots(M: i32, K: i32, a: usize, rowStep: i32, b: usize, c: usize, bias: usize, relu: i32): void {
  const start: f32 = bias != 0 ? load<f32>(bias) : 0;
  for (let i = 0; i < M; i++) {
    let p = at(a, i * rowStep), q = b;
    let sums = f32x4.splat(0);
    let k = 0;
    for (; k + 4 <= K; k += 4) {
      sums = f32x4.add(sums, f32x4.mul(v128.load(p), v128.load(q)));
      p += 16;
      q += 16;
    }
    let sum: f32 = (f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 2)) +
      (f32x4.extract_lane(sums, 1) + f32x4.extract_lane(sums, 3)) + start;
    for (; k < K; k++) {
      sum += load<f32>(p) * load<f32>(q);
      p += 4;
      q += 4;
    }
    if (relu) sum = max<f32>(sum, 0);
    store<f32>(at(c, i), sum);
  }
}

/**
 * Transpose a matrix of `rows` x `columns`.
 *
 * @param width stride of the rows of the transposed matrix, in values: its columns, of which `rows`
 *   are written
 */
export function transpose(rows: i32, columns: i32, from: usize, to: usize, width: i32): void {
  // 16 rows at a time, a cache line of the transposed matrix, so that no line is written twice.
  const side = 16;
  const row: usize = <usize> columns << 2;
  const target: usize = <usize> width << 2;
  for (let i0 = 0; i0 < rows; i0 += side) {
    const end = min(rows, i0 + side);
    let j = 0;
    for (; j + 4 <= columns; j += 4) {
      let i = i0;
      for (; i + 4 <= end; i += 4) {
        transposeFour(at(from, i * columns + j), row, at(to, j * width + i), target);
      }
      for (; i < end; i++) transposeOne(at(from, i * columns + j), 4, at(to, j * width + i), target);
    }
    if (j == columns) continue;
    for (let i = i0; i < end; i++) {
      transposeOne(at(from, i * columns + j), columns - j, at(to, j * width + i), target);
    }
  }
}

/** Transpose a matrix of 4 x 4. */
@inline
function transposeFour(from: usize, row: usize, to: usize, target: usize): void {
  const a = v128.load(from);
  const b = v128.load(from + row);
  const c = v128.load(from + 2 * row);
  const d = v128.load(from + 3 * row);
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  v128.store(to, v128.shuffle<f32>(ab, cd, 0, 1, 4, 5));
  v128.store(to + target, v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
  const ab2 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd2 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to + 2 * target, v128.shuffle<f32>(ab2, cd2, 0, 1, 4, 5));
  v128.store(to + 3 * target, v128.shuffle<f32>(ab2, cd2, 2, 3, 6, 7));
}

/** Transpose `count` values of a row. */
@inline
function transposeOne(from: usize, count: i32, to: usize, target: usize): void {
  for (let j = 0; j < count; j++, from += 4, to += target) store<f32>(to, load<f32>(from));
}

/** Rows added up at once. Short sums have smaller rounding errors. */
const chunk: i32 = 256;

/** Sums of the columns of a matrix. */
export function columnSums(rows: i32, columns: i32, from: usize, to: usize): void {
  const row: usize = <usize> columns << 2;
  for (let start = 0; start < rows; start += chunk) {
    const count = min(chunk, rows - start);
    let j = 0;
    for (; j + 4 <= columns; j += 4) {
      let sum = f32x4.splat(0);
      let p = at(from, j);
      for (let i = 0; i < count; i++, p += row) sum = f32x4.add(sum, v128.load(p));
      if (start > 0) sum = f32x4.add(sum, v128.load(at(to, j)));
      v128.store(at(to, j), sum);
    }
    for (; j < columns; j++) {
      let sum: f32 = 0;
      let p = at(from, j);
      for (let i = 0; i < count; i++, p += row) sum += load<f32>(p);
      store<f32>(at(to, j), start > 0 ? load<f32>(at(to, j)) + sum : sum);
    }
    from += <usize> count * row;
  }
}
