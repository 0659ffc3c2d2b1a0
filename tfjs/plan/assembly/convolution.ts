// Products with a gathered matrix A: two tables of byte offsets place A[m, k] at
// a + rows[m] + columns[k]. The windows of an image form such a matrix without a copy. Sums are in the
// order of k.
import { at } from "./address";
import { relu4 } from "./math";

/** Columns computed at once: two vectors. */
const wide: i32 = 8;
const narrow: i32 = 4;

/** Pack the columns of B into panels of eight, padded with zeros. */
export function packPanels(K: i32, N: i32, b: usize, to: usize): void {
  const zero = f32x4.splat(0);
  const row: usize = <usize> N << 2;
  for (let j = 0; j < N; j += wide) {
    const width = min(wide, N - j);
    let from = at(b, j);
    for (let k = 0; k < K; k++, from += row, to += wide << 2) {
      if (width == wide) {
        v128.store(to, v128.load(from));
        v128.store(to, v128.load(from, 16), 16);
      } else {
        v128.store(to, zero);
        v128.store(to, zero, 16);
        for (let n = 0; n < width; n++) store<f32>(at(to, n), load<f32>(at(from, n)));
      }
    }
  }
}

/**
 * Pack the transposed weights of some taps into panels: row (t, n), column c holds w[taps[t], c, n].
 *
 * @param T number of taps
 */
export function packTransposed(T: i32, C: i32, N: i32, w: usize, taps: usize, to: usize): void {
  for (let j = 0; j < C; j += wide) {
    const width = min(wide, C - j);
    for (let t = 0; t < T; t++) {
      const from = at(w, (load<i32>(at(taps, t)) * C + j) * N);
      for (let n = 0; n < N; n++, to += wide << 2) {
        for (let c = 0; c < wide; c++) {
          store<f32>(at(to, c), c < width ? load<f32>(at(from, c * N + n)) : 0);
        }
      }
    }
  }
}

/**
 * C = relu(A B + bias), or C += A B.
 *
 * @param panels B, packed into panels
 * @param outputOffsets byte offsets of the rows of C; 0 for contiguous rows
 * @param bias address of N values; 0 for none
 * @param relu 1 to apply relu
 * @param adds 1 to add to C
 * @param tile scratch memory for 32 values
 */
export function gatherGemm(
  M: i32, N: i32, K: i32, a: usize, rows: usize, columns: usize, panels: usize,
  c: usize, outputOffsets: usize, bias: usize, relu: i32, adds: i32, tile: usize,
): void {
  const row: usize = <usize> N << 2;
  for (let j = 0; j < N; j += wide, panels += <usize> K << 5) {
    const width = min(wide, N - j);
    let bias0 = f32x4.splat(0);
    let bias1 = bias0;
    if (bias != 0) {
      for (let n = 0; n < wide; n++) store<f32>(at(tile, n), n < width ? load<f32>(at(bias, j + n)) : 0);
      bias0 = v128.load(tile);
      bias1 = v128.load(tile, 16);
    }
    for (let i = 0; i < M; i += 4) {
      const count = min(4, M - i);
      // Rows beyond the last repeat it; their results are not stored.
      const a0 = a + <usize> load<u32>(at(rows, i));
      const a1 = count > 1 ? a + <usize> load<u32>(at(rows, i + 1)) : a0;
      const a2 = count > 2 ? a + <usize> load<u32>(at(rows, i + 2)) : a0;
      const a3 = count > 3 ? a + <usize> load<u32>(at(rows, i + 3)) : a0;
      const isWhole = width == wide && count == 4 && adds == 0;
      let c0 = at(c, i * N), c1 = c0 + row, c2 = c1 + row, c3 = c2 + row;
      if (outputOffsets != 0) {
        c0 = c + <usize> load<u32>(at(outputOffsets, i));
        if (count > 1) c1 = c + <usize> load<u32>(at(outputOffsets, i + 1));
        if (count > 2) c2 = c + <usize> load<u32>(at(outputOffsets, i + 2));
        if (count > 3) c3 = c + <usize> load<u32>(at(outputOffsets, i + 3));
      }
      const offset: usize = <usize> j << 2;
      c0 += offset; c1 += offset; c2 += offset; c3 += offset;
      if (isWhole) {
        wideTile(K, a0, a1, a2, a3, columns, panels, bias0, bias1, relu, c0, c1, c2, c3);
        continue;
      }
      if (width > narrow) {
        wideTile(K, a0, a1, a2, a3, columns, panels, bias0, bias1, relu, tile, tile + 32, tile + 64, tile + 96);
      } else {
        narrowTile(K, a0, a1, a2, a3, columns, panels, bias0, relu, tile);
      }
      finish(tile, c0, width, adds);
      if (count > 1) finish(tile + 32, c1, width, adds);
      if (count > 2) finish(tile + 64, c2, width, adds);
      if (count > 3) finish(tile + 96, c3, width, adds);
    }
  }
}

/** Store a row of a tile. */
@inline
function finish(from: usize, to: usize, width: i32, adds: i32): void {
  for (let n = 0; n < width; n++) {
    const value = load<f32>(at(from, n));
    store<f32>(at(to, n), adds ? load<f32>(at(to, n)) + value : value);
  }
}

@inline
function wideTile(
  K: i32, a0: usize, a1: usize, a2: usize, a3: usize, columns: usize, b: usize,
  bias0: v128, bias1: v128, relu: i32, c0: usize, c1: usize, c2: usize, c3: usize,
): void {
  let c00 = bias0, c01 = bias1, c10 = bias0, c11 = bias1;
  let c20 = bias0, c21 = bias1, c30 = bias0, c31 = bias1;
  // Without a counter: every runtime computes a few percent more.
  for (const end = b + (<usize> K << 5); b < end; columns += 4, b += 32) {
    const offset = <usize> load<u32>(columns);
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let s = v128.load32_splat(a0 + offset);
    c00 = f32x4.add(c00, f32x4.mul(s, b0));
    c01 = f32x4.add(c01, f32x4.mul(s, b1));
    s = v128.load32_splat(a1 + offset);
    c10 = f32x4.add(c10, f32x4.mul(s, b0));
    c11 = f32x4.add(c11, f32x4.mul(s, b1));
    s = v128.load32_splat(a2 + offset);
    c20 = f32x4.add(c20, f32x4.mul(s, b0));
    c21 = f32x4.add(c21, f32x4.mul(s, b1));
    s = v128.load32_splat(a3 + offset);
    c30 = f32x4.add(c30, f32x4.mul(s, b0));
    c31 = f32x4.add(c31, f32x4.mul(s, b1));
  }
  if (relu) {
    c00 = relu4(c00); c01 = relu4(c01);
    c10 = relu4(c10); c11 = relu4(c11);
    c20 = relu4(c20); c21 = relu4(c21);
    c30 = relu4(c30); c31 = relu4(c31);
  }
  v128.store(c0, c00); v128.store(c0, c01, 16);
  v128.store(c1, c10); v128.store(c1, c11, 16);
  v128.store(c2, c20); v128.store(c2, c21, 16);
  v128.store(c3, c30); v128.store(c3, c31, 16);
}

/** As wideTile, for the first four columns only. */
@inline
function narrowTile(
  K: i32, a0: usize, a1: usize, a2: usize, a3: usize, columns: usize, b: usize,
  bias: v128, relu: i32, tile: usize,
): void {
  let c0 = bias, c1 = bias, c2 = bias, c3 = bias;
  for (const end = b + (<usize> K << 5); b < end; columns += 4, b += 32) {
    const offset = <usize> load<u32>(columns);
    const b0 = v128.load(b);
    c0 = f32x4.add(c0, f32x4.mul(v128.load32_splat(a0 + offset), b0));
    c1 = f32x4.add(c1, f32x4.mul(v128.load32_splat(a1 + offset), b0));
    c2 = f32x4.add(c2, f32x4.mul(v128.load32_splat(a2 + offset), b0));
    c3 = f32x4.add(c3, f32x4.mul(v128.load32_splat(a3 + offset), b0));
  }
  if (relu) {
    c0 = relu4(c0); c1 = relu4(c1);
    c2 = relu4(c2); c3 = relu4(c3);
  }
  v128.store(tile, c0);
  v128.store(tile, c1, 32);
  v128.store(tile, c2, 64);
  v128.store(tile, c3, 96);
}
